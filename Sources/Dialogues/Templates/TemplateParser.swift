/// Reads the part of Jinja that `ChatTemplate` runs.
///
/// Source: the grammar of Jinja 3.1 (Template Designer Documentation), its precedences among it.
struct TemplateParser {
  private typealias Token = TemplateLexer.Token

  /// What `transformers` defines beyond the messages and this does not; a template that asks whether it is defined
  /// would take another way here than there.
  private static let unknownNames = [
    "strftime_now", "namespace", "range", "dict", "lipsum", "cycler", "joiner", "self",
  ]
  private static let keywords = ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none"]
  private static let deepest = 100
  /// Tokens of the longest expression: a program's depth is bounded, however it is written.
  private static let longestExpression = 500

  private let parts: [TemplateLexer.Part]
  private var position = 0
  private var tokens: [Token] = []
  private var index = 0
  private var depth = 0

  static func parse(_ source: String) throws(TemplateError) -> [TemplateNode] {
    var parser = TemplateParser(parts: try TemplateLexer.parts(source))
    let (nodes, end) = try parser.nodes(until: [])
    if let end { throw TemplateError("{% \(end) %} has no beginning") }
    return nodes
  }

  private init(parts: [TemplateLexer.Part]) { self.parts = parts }

  // MARK: Statements

  /// The nodes up to a statement with one of these names, which is read as far as its name.
  private mutating func nodes(until ends: [String]) throws(TemplateError) -> ([TemplateNode], end: String?) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw TemplateError("statements nest deeper than \(Self.deepest)") }
    var nodes: [TemplateNode] = []
    while position < parts.count {
      let part = parts[position]
      position += 1
      switch part {
      case .text(let text): nodes.append(.text(text))
      case .expression(let tokens):
        try begin(tokens)
        nodes.append(.print(try expression()))
        try expectEnd()
      case .statement(let tokens):
        try begin(tokens)
        let name = try name()
        if ends.contains(name) { return (nodes, name) }
        switch name {
        case "if": nodes.append(try branch())
        case "for": nodes.append(try loop())
        case "set":
          let variable = try self.name()
          try expect("=")
          nodes.append(.set(variable, try expression()))
          try expectEnd()
        // They mark what the assistant says, and print nothing.
        case "generation", "endgeneration": try expectEnd()
        case "elif", "else", "endif", "endfor": throw TemplateError("{% \(name) %} stands where nothing awaits it")
        default: throw TemplateError("the statement {% \(name) %} is not known here")
        }
      }
    }
    if let awaited = ends.last { throw TemplateError("{% \(awaited) %} is missing") }
    return (nodes, nil)
  }

  private mutating func begin(_ tokens: [Token]) throws(TemplateError) {
    guard tokens.count <= Self.longestExpression else {
      throw TemplateError("an expression has more than \(Self.longestExpression) parts")
    }
    (self.tokens, index) = (tokens, 0)
  }

  private mutating func branch() throws(TemplateError) -> TemplateNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw TemplateError("conditions nest deeper than \(Self.deepest)") }
    let condition = try expression()
    try expectEnd()
    let (body, end) = try nodes(until: ["elif", "else", "endif"])
    switch end {
    case "elif": return .branch(condition, body, otherwise: [try branch()])
    case "else":
      try expectEnd()
      let (otherwise, _) = try nodes(until: ["endif"])
      return .branch(condition, body, otherwise: otherwise)
    default: return .branch(condition, body, otherwise: [])
    }
  }

  private mutating func loop() throws(TemplateError) -> TemplateNode {
    let variable = try name()
    guard accept(name: "in") else { throw TemplateError("a loop over several variables is not known here") }
    let list = try expression()
    try expectEnd()
    let (body, _) = try nodes(until: ["endfor"])
    return .loop(variable, over: list, body)
  }

  // MARK: Expressions, from the loosest to the tightest

  private mutating func expression() throws(TemplateError) -> TemplateExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw TemplateError("expressions nest deeper than \(Self.deepest)") }
    var value = try disjunction()
    while accept(name: "if") {
      let condition = try disjunction()
      value = .choice(condition, value, otherwise: accept(name: "else") ? try expression() : nil)
    }
    return value
  }

  private mutating func disjunction() throws(TemplateError) -> TemplateExpression {
    var left = try conjunction()
    while accept(name: "or") { left = .binary("or", left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws(TemplateError) -> TemplateExpression {
    var left = try negation()
    while accept(name: "and") { left = .binary("and", left, try negation()) }
    return left
  }

  private mutating func negation() throws(TemplateError) -> TemplateExpression {
    var count = 0
    while accept(name: "not") { count += 1 }
    let value = try comparison()
    return count == 0 ? value : count % 2 == 1 ? .not(value) : .not(.not(value))
  }

  private mutating func comparison() throws(TemplateError) -> TemplateExpression {
    let left = try sum()
    var result: TemplateExpression?
    var last = left
    while let name = comparisonOperator() {
      let right = try sum()
      let one: TemplateExpression =
        name == "not in" ? .not(.binary("in", last, right)) : .binary(name, last, right)
      // a < b < c compares neighbours.
      result = result.map { .binary("and", $0, one) } ?? one
      last = right
    }
    return result ?? left
  }

  private mutating func comparisonOperator() -> String? {
    for symbol in ["==", "!=", "<=", ">=", "<", ">"] where accept(symbol) { return symbol }
    if accept(name: "in") { return "in" }
    if index + 1 < tokens.count, tokens[index] == .name("not"), tokens[index + 1] == .name("in") {
      index += 2
      return "not in"
    }
    return nil
  }

  private mutating func sum() throws(TemplateError) -> TemplateExpression {
    var left = try concatenation()
    while true {
      if accept("+") {
        left = .binary("+", left, try concatenation())
      } else if accept("-") {
        left = .binary("-", left, try concatenation())
      } else {
        return left
      }
    }
  }

  private mutating func concatenation() throws(TemplateError) -> TemplateExpression {
    var left = try product()
    while accept("~") { left = .binary("~", left, try product()) }
    return left
  }

  private mutating func product() throws(TemplateError) -> TemplateExpression {
    var left = try unary()
    while accept("%") { left = .binary("%", left, try unary()) }
    return left
  }

  private mutating func unary() throws(TemplateError) -> TemplateExpression {
    if accept("-") { return .negative(try unary()) }
    var value = try primary()
    while true {
      if accept(".") {
        let member = try name()
        value = accept("(") ? .call(value, method: member, try arguments()) : .member(value, .value(.string(member)))
      } else if accept("[") {
        value = try subscripted(value)
      } else if accept("|") {
        let filter = try name()
        guard TemplateRenderer.filters.contains(filter) else {
          throw TemplateError("the filter \(filter) is not known here")
        }
        if accept("(") {
          guard try arguments().isEmpty else { throw TemplateError("\(filter) takes no argument here") }
        }
        value = .filter(value, filter)
      } else if accept(name: "is") {
        let isNegated = accept(name: "not")
        let test = try name()
        guard TemplateRenderer.tests.contains(test) else { throw TemplateError("the test \(test) is not known here") }
        value = isNegated ? .not(.test(value, test)) : .test(value, test)
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let from: TemplateExpression? = peek(":") ? nil : try expression()
    guard accept(":") else {
      try expect("]")
      return .member(value, from ?? .value(.none))
    }
    let to: TemplateExpression? = peek("]") ? nil : try expression()
    try expect("]")
    return .slice(value, from: from, to: to)
  }

  private mutating func arguments() throws(TemplateError) -> [TemplateExpression] {
    var arguments: [TemplateExpression] = []
    while !accept(")") {
      if !arguments.isEmpty { try expect(",") }
      arguments.append(try expression())
    }
    return arguments
  }

  private mutating func primary() throws(TemplateError) -> TemplateExpression {
    guard index < tokens.count else { throw TemplateError("an expression ends too early") }
    let token = tokens[index]
    index += 1
    switch token {
    case .string(let text):
      // Neighbouring texts are one, as in Python.
      var joined = text
      while index < tokens.count, case .string(let next) = tokens[index] {
        joined += next
        index += 1
      }
      return .value(.string(joined))
    case .integer(let value): return .value(.integer(value))
    case .symbol("("):
      let value = try expression()
      try expect(")")
      return value
    case .symbol("["):
      var elements: [TemplateExpression] = []
      while !accept("]") {
        if !elements.isEmpty { try expect(",") }
        elements.append(try expression())
      }
      return .list(elements)
    case .symbol(let symbol): throw TemplateError("\(symbol) is not known here")
    case .name(let name): return try named(name)
    }
  }

  private mutating func named(_ name: String) throws(TemplateError) -> TemplateExpression {
    switch name {
    case "true", "True": return .value(.boolean(true))
    case "false", "False": return .value(.boolean(false))
    case "none", "None": return .value(.none)
    case "raise_exception":
      try expect("(")
      guard let text = try arguments().first else { throw TemplateError("raise_exception says no reason") }
      return .refuse(text)
    default:
      guard !Self.unknownNames.contains(name), !Self.keywords.contains(name), !peek("(") else {
        throw TemplateError("\(name) is not known here")
      }
      return .variable(name)
    }
  }

  // MARK: Tokens

  private func peek(_ symbol: String) -> Bool { index < tokens.count && tokens[index] == .symbol(symbol) }

  private mutating func accept(_ symbol: String) -> Bool {
    guard peek(symbol) else { return false }
    index += 1
    return true
  }

  private mutating func accept(name: String) -> Bool {
    guard index < tokens.count, tokens[index] == .name(name) else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ symbol: String) throws(TemplateError) {
    guard accept(symbol) else { throw TemplateError("\(symbol) is missing") }
  }

  private func expectEnd() throws(TemplateError) {
    if index < tokens.count { throw TemplateError("\(tokens[index]) stands where the expression should end") }
  }

  private mutating func name() throws(TemplateError) -> String {
    guard index < tokens.count, case .name(let name) = tokens[index] else { throw TemplateError("a name is missing") }
    index += 1
    return name
  }
}
