/// Parts a Jinja template into text, `{{ expressions }}` and `{% statements %}`, and these into tokens.
///
/// White space goes as in the `transformers` package, whose Jinja has `trim_blocks` and `lstrip_blocks` on: the line
/// feed after a statement and the spaces before one that begins a line vanish, as does all white space beside a `-`.
struct TemplateLexer {
  enum Part {
    case text(String)
    case expression([Token])
    case statement([Token])
  }

  enum Token: Equatable {
    case name(String)
    case string(String)
    case integer(Int)
    case symbol(String)
  }

  private let scalars: [Unicode.Scalar]
  private var index = 0
  private var text: [Unicode.Scalar] = []
  /// Whether the text since the last part begins at the start of a line.
  private var isLineStart = true
  /// Whether white space is taken away until something else comes.
  private var skipsSpace = false
  private var parts: [Part] = []

  static func parts(_ source: String) throws(TemplateError) -> [Part] {
    var lexer = TemplateLexer(source)
    try lexer.run()
    return lexer.parts
  }

  private init(_ source: String) {
    var scalars: [Unicode.Scalar] = []
    for scalar in source.unicodeScalars {
      // All line ends are line feeds to Jinja.
      if scalar == "\n", scalars.last == "\r" { scalars.removeLast() }
      scalars.append(scalar)
    }
    scalars = scalars.map { $0 == "\r" ? "\n" : $0 }
    if scalars.last == "\n" { scalars.removeLast() }
    self.scalars = scalars
  }

  private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    index + offset < scalars.count ? scalars[index + offset] : nil
  }

  private mutating func run() throws(TemplateError) {
    while let scalar = peek() {
      guard scalar == "{", let second = peek(1), "{%#".unicodeScalars.contains(second) else {
        index += 1
        if skipsSpace, isSpace(scalar) { continue }
        skipsSpace = false
        text.append(scalar)
        continue
      }
      index += 2
      endText(before: second)
      switch second {
      case "#": try skipComment()
      case "%":
        parts.append(.statement(try tokens(until: "%")))
        endStatement()
      default:
        parts.append(.expression(try tokens(until: "}")))
        isLineStart = false
      }
    }
    appendText()
  }

  /// Ends the text before a part, whose opening has been read but for a `-` or `+`.
  private mutating func endText(before opening: Unicode.Scalar) {
    if peek() == "-" {
      index += 1
      while let last = text.last, isSpace(last) { text.removeLast() }
    } else if peek() == "+" {
      index += 1
    } else if opening != "{" {
      let line = text.lastIndex(of: "\n").map { $0 + 1 }
      let start = line ?? 0
      if line != nil || isLineStart, text[start...].allSatisfy(isSpace) { text.removeSubrange(start...) }
    }
    appendText()
    skipsSpace = false
  }

  private mutating func appendText() {
    if !text.isEmpty { parts.append(.text(String(String.UnicodeScalarView(text)))) }
    text.removeAll()
  }

  private mutating func endStatement() {
    isLineStart = !skipsSpace && peek() == "\n"
    if isLineStart { index += 1 }
  }

  private mutating func skipComment() throws(TemplateError) {
    while index + 1 < scalars.count {
      if scalars[index] == "#", scalars[index + 1] == "}" {
        skipsSpace = scalars[index - 1] == "-"
        index += 2
        endStatement()
        return
      }
      index += 1
    }
    throw TemplateError("a comment does not end")
  }

  private func isSpace(_ scalar: Unicode.Scalar) -> Bool { TemplateValue.isSpace(scalar) }

  /// The tokens up to `%}` or `}}`.
  private mutating func tokens(until closing: Unicode.Scalar) throws(TemplateError) -> [Token] {
    var tokens: [Token] = []
    while let scalar = peek() {
      if scalar == closing, peek(1) == "}" {
        index += 2
        return tokens
      }
      if scalar == "-", peek(1) == closing, peek(2) == "}" {
        index += 3
        skipsSpace = true
        return tokens
      }
      if isSpace(scalar) {
        index += 1
      } else if scalar == "'" || scalar == "\"" {
        tokens.append(.string(try string(scalar)))
      } else if scalar.properties.isAlphabetic || scalar == "_" {
        tokens.append(.name(take { $0.properties.isAlphabetic || $0 == "_" || "0"..."9" ~= $0 }))
      } else if "0"..."9" ~= scalar {
        guard let value = Int(take { "0"..."9" ~= $0 }) else { throw TemplateError("a number is too large") }
        tokens.append(.integer(value))
      } else {
        let two = String(String.UnicodeScalarView([scalar, peek(1) ?? " "]))
        let isDouble = ["==", "!=", "<=", ">=", "//", "**"].contains(two)
        tokens.append(.symbol(isDouble ? two : String(scalar)))
        index += isDouble ? 2 : 1
      }
    }
    throw TemplateError("an expression or statement does not end")
  }

  private mutating func take(while belongs: (Unicode.Scalar) -> Bool) -> String {
    let start = index
    while let scalar = peek(), belongs(scalar) { index += 1 }
    return String(String.UnicodeScalarView(scalars[start..<index]))
  }

  /// A text in quotes, with Python's escapes; an unknown escape stays as it is.
  private mutating func string(_ quote: Unicode.Scalar) throws(TemplateError) -> String {
    index += 1
    var content = String.UnicodeScalarView()
    while let scalar = peek() {
      index += 1
      if scalar == quote { return String(content) }
      guard scalar == "\\", let escaped = peek() else {
        content.append(scalar)
        continue
      }
      index += 1
      switch escaped {
      case "n": content.append("\n")
      case "t": content.append("\t")
      case "r": content.append("\r")
      case "\\", "'", "\"": content.append(escaped)
      case "x", "u", "U", "N", "a", "b", "f", "v", "\n", "0"..."7":
        throw TemplateError("the escape \\\(escaped) is not known here")
      default:
        content.append("\\")
        content.append(escaped)
      }
    }
    throw TemplateError("a text in quotes does not end")
  }
}
