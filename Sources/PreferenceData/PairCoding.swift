import Storage

extension Message {
  /// Reads `{"role", "content"}`, both texts.
  init(_ record: JSONRecord) throws {
    self.init(role: try record.string("role"), content: try record.string("content"))
  }

  var json: JSONValue { .object(["role": .string(role), "content": .string(content)]) }
}

extension Prompt {
  /// Reads a field that is a text or a list of messages.
  init(_ record: JSONRecord, field: String = "prompt") throws {
    switch try record.value(field) {
    case .string(let text): self = .text(text)
    case .array(let values):
      guard !values.isEmpty else { throw PreferenceDataError.emptyPrompt(place: record.place) }
      self = .messages(try record.records(field).map { try Message($0) })
    default: throw record.mistyped(field, expected: "a text or a list of messages")
    }
  }

  var json: JSONValue {
    switch self {
    case .text(let text): .string(text)
    case .messages(let messages): .array(messages.map(\.json))
    }
  }
}

extension PreferencePair {
  /// Reads a line of `pairs.jsonl`. The label must be there, `null` where nobody knows.
  init(_ record: JSONRecord) throws {
    let label: ResponseSide?
    switch try record.value("label") {
    case .null: label = nil
    case .string("A"): label = .a
    case .string("B"): label = .b
    default: throw record.mistyped("label", expected: "\"A\", \"B\" or null")
    }
    self.init(
      id: try record.string("id"), domain: try record.optionalString("domain"),
      source: try record.optionalString("source"), group: try record.optionalString("group"),
      prompt: try Prompt(record),
      responseA: try record.string("response_a"), responseB: try record.string("response_b"), label: label)
  }

  var json: JSONValue {
    var object: JSONObject = ["id": .string(id)]
    if let domain { object.append("domain", .string(domain)) }
    if let source { object.append("source", .string(source)) }
    if let group { object.append("group", .string(group)) }
    object.append("prompt", prompt.json)
    object.append("response_a", .string(responseA))
    object.append("response_b", .string(responseB))
    object.append("label", label.map { .string($0.rawValue) } ?? .null)
    return .object(object)
  }
}

extension RewardModelDescription {
  /// Reads an entry of `rms.json`, which must stand at its own index.
  init(_ record: JSONRecord, index: Int) throws {
    let found = try record.integer("index")
    guard found == index else {
      throw PreferenceDataError.rewardModelIndex(place: record.place, found: found, expected: index)
    }
    let name = try record.string("name")
    guard !name.isEmpty else { throw record.mistyped("name", expected: "a name") }
    let parameters = try record.optional("parameters").map { _ in try record.finite("parameters") }
    guard parameters.map({ $0 > 0 }) ?? true else {
      throw record.mistyped("parameters", expected: "a positive number of parameters")
    }
    self.init(name: name, huggingFaceID: try record.optionalString("huggingface_id"), parameters: parameters)
  }

  func json(index: Int) -> JSONValue {
    var object: JSONObject = ["index": .integer(index), "name": .string(name)]
    if let huggingFaceID { object.append("huggingface_id", .string(huggingFaceID)) }
    if let parameters {
      object.append("parameters", Int(exactly: parameters).map { .integer($0) } ?? .number(parameters))
    }
    return .object(object)
  }
}
