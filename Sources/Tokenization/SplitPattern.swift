import Storage

/// The `pattern` of a Split or Replace, {"String": …} or {"Regex": …}: finds its matches from left to right.
enum SplitPattern: Sendable {
  struct Match {
    let start: Int
    let end: Int
  }

  /// A text; the empty one matches between any two scalars.
  case literal([UInt8])
  /// Runs of up to `longest` scalars of some class.
  case scalars(ScalarClasses.Mask, longest: Int)
  /// `\w+|[^\w\s]+` of the `regex` crate.
  case words
  /// An expression whose matches leave no gap.
  case scanner(WordScanner)
  case expression(RegularExpression)

  init(_ reader: ComponentReader) throws(TokenizationError) {
    let pattern = try reader.child("pattern")
    if pattern.object["String"] != nil {
      self = .literal(Array(try pattern.string("String").utf8))
      return
    }
    guard pattern.object["Regex"] != nil else {
      throw .unsupported(
        file: reader.file, path: reader.path(of: "pattern"), found: "(without these keys)",
        supported: "String and Regex")
    }
    let expression = try pattern.string("Regex")
    switch expression {
    case #"\p{N}"#: self = .scalars(ScalarClasses.number, longest: 1)
    case #"\p{N}+"#: self = .scalars(ScalarClasses.number, longest: .max)
    case #"\p{N}{1,3}"#: self = .scalars(ScalarClasses.number, longest: 3)
    case #"\p{L}+"#: self = .scalars(ScalarClasses.letter, longest: .max)
    case #"\s"#: self = .scalars(ScalarClasses.space, longest: 1)
    case #"\s+"#: self = .scalars(ScalarClasses.space, longest: .max)
    default:
      if let scanner = WordScanner(expression: expression) {
        self = .scanner(scanner)
        return
      }
      do {
        self = .expression(try RegularExpression(expression))
      } catch {
        throw pattern.invalid("Regex", "not an expression that can be compiled here: \(expression.prefix(200))")
      }
    }
  }

  /// Appends the matches inside `range`, as if nothing stood around it.
  func find(in text: [UInt8], _ range: Range<Int>, into matches: inout [Match]) {
    switch self {
    case .literal(let literal): Self.find(literal, in: text, range, into: &matches)
    case .scalars(let mask, let longest):
      Self.findRuns(in: text, range, into: &matches) { found, _, count in found & mask != 0 && count < longest }
    case .words:
      let kinds = ScalarClasses.word | ScalarClasses.space
      Self.findRuns(in: text, range, into: &matches) { found, first, _ in
        found & kinds != ScalarClasses.space
          && (found & ScalarClasses.word != 0) == (first & ScalarClasses.word != 0)
          && (found & ScalarClasses.word != 0 || found & ScalarClasses.space == 0)
      }
    case .scanner(let scanner):
      let classes = ScalarClasses.shared
      var start = range.lowerBound
      while start < range.upperBound {
        let end = scanner.next(text, start, range.upperBound, classes)
        matches.append(Match(start: start, end: end))
        start = end
      }
    case .expression(let expression): expression.find(in: text, range, into: &matches)
    }
  }

  /// Runs of scalars that `belongs` accepts, given a scalar's classes, those of the run's first scalar, and the run's
  /// length.
  @inline(__always)
  private static func findRuns(
    in text: [UInt8], _ range: Range<Int>, into matches: inout [Match],
    _ belongs: (ScalarClasses.Mask, ScalarClasses.Mask, Int) -> Bool
  ) {
    let classes = ScalarClasses.shared
    var index = range.lowerBound
    var start = index
    var first: ScalarClasses.Mask = 0
    var count = 0
    while index < range.upperBound {
      let (value, length) = UTF8Scalars.decode(text, index)
      let found = classes[value]
      if count > 0, !belongs(found, first, count) {
        matches.append(Match(start: start, end: index))
        count = 0
      }
      if count > 0 {
        count += 1
      } else if belongs(found, found, 0) {
        (start, first, count) = (index, found, 1)
      }
      index += length
    }
    if count > 0 { matches.append(Match(start: start, end: index)) }
  }

  private static func find(_ literal: [UInt8], in text: [UInt8], _ range: Range<Int>, into matches: inout [Match]) {
    var index = range.lowerBound
    guard let first = literal.first else {
      while index < range.upperBound {
        matches.append(Match(start: index, end: index))
        index += UTF8Scalars.length(text[index])
      }
      matches.append(Match(start: index, end: index))
      return
    }
    let last = range.upperBound - literal.count
    while index <= last {
      if text[index] == first, literal.count == 1 || text[index..<index + literal.count].elementsEqual(literal) {
        matches.append(Match(start: index, end: index + literal.count))
        index += literal.count
      } else {
        index += 1
      }
    }
  }
}

/// What becomes of the matches of a pattern at which a text is split.
enum SplitBehavior: String, Sendable, CaseIterable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  init(_ reader: ComponentReader, default fallback: SplitBehavior? = nil) throws(TokenizationError) {
    if let fallback, reader.optional("behavior") == nil {
      self = fallback
      return
    }
    guard let behavior = SplitBehavior(rawValue: try reader.string("behavior")) else {
      throw reader.unsupported("behavior", Self.allCases.map(\.rawValue).joined(separator: ", "))
    }
    self = behavior
  }
}
