import Storage

/// The `post_processor` of a `tokenizer.json`: adds special tokens around the ids of one text or two, and says which
/// text each token belongs to.
struct PostProcessor: Sendable {
  private enum Piece: Sendable {
    /// The first text (0) or the second (1).
    case text(Int, typeID: Int32)
    case special([Int32], typeID: Int32)

    var specialCount: Int {
      if case .special(let ids, _) = self { ids.count } else { 0 }
    }

    var isText: Bool {
      if case .text = self { true } else { false }
    }
  }

  static let supported = "BertProcessing, ByteLevel, RobertaProcessing, Sequence and TemplateProcessing"

  private var single: [Piece] = [.text(0, typeID: 0)]
  private var pair: [Piece] = [.text(0, typeID: 0), .text(1, typeID: 1)]
  private var addsTokens = false

  /// Adds nothing.
  init() {}

  init(_ reader: ComponentReader) throws(TokenizationError) { try add(reader) }

  private mutating func add(_ reader: ComponentReader) throws(TokenizationError) {
    let type = try reader.string("type")
    switch type {
    case "Sequence":
      for child in try reader.children("processors") { try add(child) }
      return
    case "ByteLevel":
      // It trims offsets, which nobody asks for here.
      return
    case "BertProcessing", "RobertaProcessing", "TemplateProcessing": break
    default: throw reader.unsupported("type", Self.supported)
    }
    guard !addsTokens else {
      throw .unsupported(
        file: reader.file, path: reader.path, found: "\"\(type)\" after another one that adds tokens",
        supported: "one of BertProcessing, RobertaProcessing and TemplateProcessing in a Sequence")
    }
    addsTokens = true
    if type == "TemplateProcessing" {
      let tokens = try Self.specialTokens(reader)
      single = try Self.template(reader, "single", texts: 1, tokens)
      pair = try Self.template(reader, "pair", texts: 2, tokens)
      return
    }
    let separator = try Self.token(reader, "sep")
    let start = try Self.token(reader, "cls")
    single = [.special([start], typeID: 0), .text(0, typeID: 0), .special([separator], typeID: 0)]
    if type == "BertProcessing" {
      pair = single + [.text(1, typeID: 1), .special([separator], typeID: 1)]
    } else {
      pair = single + [.special([separator], typeID: 0), .text(1, typeID: 0), .special([separator], typeID: 0)]
    }
  }

  /// A list of a token and its id.
  private static func token(_ reader: ComponentReader, _ key: String) throws(TokenizationError) -> Int32 {
    let values = try reader.array(key)
    guard values.count == 2, case .string = values[0], case .integer(let id) = values[1], 0...Int(Int32.max) ~= id
    else {
      throw reader.mistyped(key, "a list of a token and its id")
    }
    return Int32(id)
  }

  private static func specialTokens(_ reader: ComponentReader) throws(TokenizationError) -> [String: [Int32]] {
    let tokens = try reader.child("special_tokens")
    var ids: [String: [Int32]] = [:]
    for member in tokens.object.members {
      let token = try ComponentReader(member.value, file: reader.file, path: tokens.path(of: member.key))
      var list: [Int32] = []
      for value in try token.array("ids") {
        guard case .integer(let id) = value, 0...Int(Int32.max) ~= id else {
          throw token.mistyped("ids", "a list of ids")
        }
        list.append(Int32(id))
      }
      ids[member.key] = list
    }
    return ids
  }

  private static func template(
    _ reader: ComponentReader, _ key: String, texts: Int, _ tokens: [String: [Int32]]
  ) throws(TokenizationError) -> [Piece] {
    var pieces: [Piece] = []
    for entry in try reader.children(key) {
      if let text = try entry.optionalChild("Sequence") {
        let name = try text.string("id")
        guard name == "A" || name == "B" && texts == 2 else {
          throw text.unsupported("id", texts == 2 ? "A and B" : "A, the only text here")
        }
        pieces.append(.text(name == "A" ? 0 : 1, typeID: try text.id("type_id")))
      } else {
        let special = try entry.child("SpecialToken")
        let name = try special.string("id")
        guard let ids = tokens[name] else {
          throw special.invalid("id", "\"\(name)\" is not in \(reader.path(of: "special_tokens"))")
        }
        pieces.append(.special(ids, typeID: try special.id("type_id")))
      }
    }
    return pieces
  }

  /// The number of special tokens added to one text, or to two.
  func addedCount(isPair: Bool) -> Int {
    (isPair ? pair : single).reduce(0) { $0 + $1.specialCount }
  }

  /// The number of special tokens before one text, and behind it.
  var addedCounts: (before: Int, behind: Int) {
    let first = single.firstIndex(where: \.isText) ?? single.endIndex
    let end = single.lastIndex(where: \.isText).map { $0 + 1 } ?? single.endIndex
    return (
      single[..<first].reduce(0) { $0 + $1.specialCount }, single[end...].reduce(0) { $0 + $1.specialCount }
    )
  }

  /// Puts one text or two together.
  func apply(_ first: TextIDs, _ second: TextIDs?, addSpecialTokens: Bool) -> Encoding {
    var encoding = Encoding()
    let pieces = second == nil ? single : pair
    let count = first.ids.count + (second?.ids.count ?? 0) + 8
    encoding.ids.reserveCapacity(count)
    encoding.typeIDs.reserveCapacity(count)
    for piece in pieces {
      switch piece {
      case .text(let number, let typeID):
        let ids = number == 0 ? first.ids : second?.ids ?? []
        encoding.ids += ids
        encoding.typeIDs += repeatElement(typeID, count: ids.count)
      case .special(let ids, let typeID):
        guard addSpecialTokens else { continue }
        encoding.ids += ids
        encoding.typeIDs += repeatElement(typeID, count: ids.count)
      }
    }
    encoding.truncatedCount = first.truncatedCount + (second?.truncatedCount ?? 0)
    return encoding
  }
}
