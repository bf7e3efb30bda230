/// What a template's expressions give.
enum TemplateValue: Sendable {
  case undefined(String)
  case none
  case boolean(Bool)
  case integer(Int)
  case string(String)
  case list([TemplateValue])
  case object([String: TemplateValue])

  /// Python's idea of what counts as true.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .string(let text): !text.utf8.isEmpty
    case .list(let values): !values.isEmpty
    case .object(let members): !members.isEmpty
    }
  }

  /// The white space of Python's `strip`.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || 0x1c...0x1f ~= scalar.value
  }

  /// Equal as in Python: texts scalar by scalar.
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): true
    case (.boolean(let one), .boolean(let two)): one == two
    case (.integer(let one), .integer(let two)): one == two
    case (.boolean(let one), .integer(let two)), (.integer(let two), .boolean(let one)): (one ? 1 : 0) == two
    case (.string(let one), .string(let two)): one.utf8.elementsEqual(two.utf8)
    case (.list(let one), .list(let two)): one.count == two.count && zip(one, two).allSatisfy { $0.equals($1) }
    default: false
    }
  }
}

/// Runs a template's program.
struct TemplateRenderer {
  static let filters = ["trim", "length", "count", "upper", "lower", "string"]
  static let tests = ["defined", "undefined", "none", "string", "mapping", "true", "false"]

  private(set) var output = ""
  /// The innermost scope is the last. Only loops make one.
  private var scopes: [[String: TemplateValue]]

  init(_ variables: [String: TemplateValue]) { scopes = [variables] }

  mutating func run(_ nodes: [TemplateNode]) throws(TemplateError) {
    for node in nodes {
      switch node {
      case .text(let text): output += text
      case .print(let expression): output += try text(value(expression))
      case .set(let name, let expression):
        let value = try value(expression)
        scopes[scopes.count - 1][name] = value
      case .branch(let condition, let body, let otherwise):
        try run(value(condition).isTrue ? body : otherwise)
      case .loop(let name, let list, let body):
        guard case .list(let elements) = try value(list) else { throw TemplateError("a loop goes over no list") }
        for (index, element) in elements.enumerated() {
          let loop: [String: TemplateValue] = [
            "index0": .integer(index), "index": .integer(index + 1), "first": .boolean(index == 0),
            "last": .boolean(index == elements.count - 1), "length": .integer(elements.count),
          ]
          scopes.append([name: element, "loop": .object(loop)])
          try run(body)
          scopes.removeLast()
        }
      }
    }
  }

  private func text(_ value: TemplateValue) throws(TemplateError) -> String {
    switch value {
    case .undefined: return ""
    case .none: return "None"
    case .boolean(let value): return value ? "True" : "False"
    case .integer(let value): return String(value)
    case .string(let text): return text
    case .list, .object: throw TemplateError("a list is printed where a text should be")
    }
  }

  private func value(_ expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    switch expression {
    case .value(let value): return value
    case .variable(let name):
      for scope in scopes.reversed() {
        if let value = scope[name] { return value }
      }
      return .undefined(name)
    case .list(let elements):
      var values: [TemplateValue] = []
      for element in elements { values.append(try value(element)) }
      return .list(values)
    case .member(let object, let key): return try member(value(object), value(key))
    case .slice(let list, let from, let to): return try slice(value(list), from.map(value), to.map(value))
    case .call(let object, let method, let arguments):
      var values: [TemplateValue] = []
      for argument in arguments { values.append(try value(argument)) }
      return try call(value(object), method, values)
    case .filter(let operand, let name): return try filter(value(operand), name)
    case .test(let operand, let name): return .boolean(try test(value(operand), name))
    case .refuse(let reason):
      throw TemplateError("the chat template refuses these messages: \(try text(value(reason)))")
    case .not(let operand): return .boolean(try !value(operand).isTrue)
    case .negative(let operand):
      guard case .integer(let number) = try value(operand) else { throw TemplateError("- stands before no number") }
      return .integer(-number)
    case .binary(let name, let left, let right): return try binary(name, value(left), right)
    case .choice(let condition, let yes, let otherwise):
      if try value(condition).isTrue { return try value(yes) }
      return try otherwise.map(value) ?? .undefined("the other choice")
    }
  }

  private func member(_ object: TemplateValue, _ key: TemplateValue) throws(TemplateError) -> TemplateValue {
    switch (object, key) {
    case (.object(let members), .string(let name)): return members[name] ?? .undefined(name)
    case (.list(let values), .integer(let index)):
      let position = index < 0 ? values.count + index : index
      return values.indices.contains(position) ? values[position] : .undefined("element \(index)")
    case (.undefined(let name), _):
      throw TemplateError("the chat template asks for a part of \(name), which is not there")
    default: throw TemplateError("the chat template asks for a part of a value that has none")
    }
  }

  private func slice(
    _ list: TemplateValue, _ from: TemplateValue?, _ to: TemplateValue?
  ) throws(TemplateError) -> TemplateValue {
    guard case .list(let values) = list else { throw TemplateError("the chat template takes a range of no list") }
    func bound(_ value: TemplateValue?, _ fallback: Int) throws(TemplateError) -> Int {
      guard let value else { return fallback }
      guard case .integer(let index) = value else { throw TemplateError("the bound of a range is no number") }
      return min(max(index < 0 ? values.count + index : index, 0), values.count)
    }
    let (start, end) = (try bound(from, 0), try bound(to, values.count))
    return .list(start < end ? Array(values[start..<end]) : [])
  }

  private func call(
    _ object: TemplateValue, _ method: String, _ arguments: [TemplateValue]
  ) throws(TemplateError) -> TemplateValue {
    if case .string(let text) = object {
      switch (method, arguments.first) {
      case ("strip", nil): return .string(trimmed(text))
      case ("lstrip", nil): return .string(trimmed(text, right: false))
      case ("rstrip", nil): return .string(trimmed(text, left: false))
      case ("startswith", .string(let prefix)): return .boolean(text.utf8.starts(with: prefix.utf8))
      case ("endswith", .string(let suffix)):
        return .boolean(text.utf8.reversed().starts(with: suffix.utf8.reversed()))
      default: break
      }
    }
    throw TemplateError("the method \(method) is not known here")
  }

  private func trimmed(_ text: String, left: Bool = true, right: Bool = true) -> String {
    var scalars = text.unicodeScalars[...]
    while left, let first = scalars.first, TemplateValue.isSpace(first) { scalars.removeFirst() }
    while right, let last = scalars.last, TemplateValue.isSpace(last) { scalars.removeLast() }
    return String(scalars)
  }

  private func filter(_ value: TemplateValue, _ name: String) throws(TemplateError) -> TemplateValue {
    switch name {
    case "length", "count":
      switch value {
      case .list(let values): return .integer(values.count)
      case .string(let text): return .integer(text.unicodeScalars.count)
      case .object(let members): return .integer(members.count)
      default: throw TemplateError("the chat template asks for the length of a value that has none")
      }
    case "upper": return .string(try text(value).uppercased())
    case "lower": return .string(try text(value).lowercased())
    case "trim": return .string(trimmed(try text(value)))
    default: return .string(try text(value))
    }
  }

  private func test(_ value: TemplateValue, _ name: String) throws(TemplateError) -> Bool {
    switch (name, value) {
    case ("undefined", .undefined), ("none", .none), ("string", .string), ("mapping", .object),
      ("true", .boolean(true)), ("false", .boolean(false)):
      return true
    case ("defined", .undefined): return false
    case ("defined", _): return true
    default: return false
    }
  }

  private func binary(
    _ name: String, _ left: TemplateValue, _ other: TemplateExpression
  ) throws(TemplateError) -> TemplateValue {
    if name == "and" { return left.isTrue ? try value(other) : left }
    if name == "or" { return left.isTrue ? left : try value(other) }
    let right = try value(other)
    switch (name, left, right) {
    case ("==", _, _): return .boolean(left.equals(right))
    case ("!=", _, _): return .boolean(!left.equals(right))
    case ("~", _, _): return .string(try text(left) + text(right))
    case ("+", .string(let one), .string(let two)): return .string(one + two)
    case ("+", .integer(let one), .integer(let two)): return .integer(one &+ two)
    case ("+", .list(let one), .list(let two)): return .list(one + two)
    case ("-", .integer(let one), .integer(let two)): return .integer(one &- two)
    case ("%", .integer(let one), .integer(let two)) where two > 0: return .integer((one % two + two) % two)
    case ("<", .integer(let one), .integer(let two)): return .boolean(one < two)
    case (">", .integer(let one), .integer(let two)): return .boolean(one > two)
    case ("<=", .integer(let one), .integer(let two)): return .boolean(one <= two)
    case (">=", .integer(let one), .integer(let two)): return .boolean(one >= two)
    case ("in", _, .list(let values)): return .boolean(values.contains { left.equals($0) })
    case ("in", .string(let key), .object(let members)): return .boolean(members[key] != nil)
    case ("in", .string(let part), .string(let whole)): return .boolean(contains(whole, part))
    case (_, .undefined(let missing), _), (_, _, .undefined(let missing)):
      throw TemplateError(
        "the chat template uses \(missing), which is not there; does tokenizer_config.json define it?")
    default: throw TemplateError("the chat template joins values by \(name) that do not go together")
    }
  }

  private func contains(_ whole: String, _ part: String) -> Bool {
    // Bytes are compared, as the tokenizer sees them: texts that are only canonically equivalent do not contain each other.
    part.utf8.isEmpty || Array(whole.utf8).firstRange(of: Array(part.utf8)) != nil
  }
}
