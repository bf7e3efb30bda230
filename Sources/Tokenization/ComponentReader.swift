import Storage

/// One JSON object of a `tokenizer.json` together with its path in the file, so that each complaint names the key.
struct ComponentReader {
  let file: String
  /// The path of the object, e.g. `pre_tokenizer.pretokenizers[1]`; empty for the whole file.
  let path: String
  let object: JSONObject

  init(_ value: JSONValue, file: String, path: String) throws(TokenizationError) {
    guard case .object(let object) = value else {
      let place = path.isEmpty ? "the file" : path
      throw .mistyped(file: file, path: place, expected: "an object", found: value.summary)
    }
    self.file = file
    self.path = path
    self.object = object
  }

  func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// The value of a key; an absent key and `null` are both nil.
  func optional(_ key: String) -> JSONValue? {
    let value = object[key]
    return value == .null ? nil : value
  }

  func value(_ key: String) throws(TokenizationError) -> JSONValue {
    guard let value = object[key] else { throw .missing(file: file, path: path(of: key)) }
    return value
  }

  func mistyped(_ key: String, _ expected: String) -> TokenizationError {
    .mistyped(file: file, path: path(of: key), expected: expected, found: object[key]?.summary ?? "nothing")
  }

  func invalid(_ key: String, _ reason: String) -> TokenizationError {
    .invalid(file: file, path: path(of: key), reason: reason)
  }

  func unsupported(_ key: String, _ supported: String) -> TokenizationError {
    let found =
      switch object[key] {
      case .string(let text): "\"\(text.prefix(60))\""
      case .some(let value): value.summary
      case nil: "(absent)"
      }
    return .unsupported(file: file, path: path(of: key), found: found, supported: supported)
  }

  func string(_ key: String) throws(TokenizationError) -> String {
    guard case .string(let text) = try value(key) else { throw mistyped(key, "a text") }
    return text
  }

  /// The text, nil where it is absent, null or empty.
  func nonemptyString(_ key: String) throws(TokenizationError) -> String? {
    guard optional(key) != nil else { return nil }
    let text = try string(key)
    return text.utf8.isEmpty ? nil : text
  }

  func boolean(_ key: String, default fallback: Bool? = nil) throws(TokenizationError) -> Bool {
    if let fallback, optional(key) == nil { return fallback }
    guard case .boolean(let flag) = try value(key) else { throw mistyped(key, "true or false") }
    return flag
  }

  func count(_ key: String) throws(TokenizationError) -> Int {
    guard case .integer(let number) = try value(key), 0...Int(Int32.max) ~= number else {
      throw mistyped(key, "a whole number from 0 to \(Int32.max)")
    }
    return number
  }

  /// A token id.
  func id(_ key: String) throws(TokenizationError) -> Int32 { Int32(try count(key)) }

  /// A text of exactly one Unicode scalar.
  func scalar(_ key: String) throws(TokenizationError) -> Unicode.Scalar {
    let scalars = try string(key).unicodeScalars
    guard let first = scalars.first, scalars.count == 1 else { throw mistyped(key, "one character") }
    return first
  }

  func array(_ key: String) throws(TokenizationError) -> [JSONValue] {
    guard case .array(let values) = try value(key) else { throw mistyped(key, "a list") }
    return values
  }

  func child(_ key: String) throws(TokenizationError) -> ComponentReader {
    try ComponentReader(try value(key), file: file, path: path(of: key))
  }

  /// The object of a key, nil where it is absent or null.
  func optionalChild(_ key: String) throws(TokenizationError) -> ComponentReader? {
    guard let value = optional(key) else { return nil }
    return try ComponentReader(value, file: file, path: path(of: key))
  }

  func children(_ key: String) throws(TokenizationError) -> [ComponentReader] {
    var children: [ComponentReader] = []
    for (index, value) in try array(key).enumerated() {
      children.append(try ComponentReader(value, file: file, path: "\(path(of: key))[\(index)]"))
    }
    return children
  }
}
