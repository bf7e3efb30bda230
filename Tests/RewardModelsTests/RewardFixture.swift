import Dialogues
import Foundation
import PreferenceData
import RewardModels
import Storage
import Testing
import Transformers

/// A checkpoint of `Scripts/fixtures/reward_models.py` with what Transformers says of some dialogues.
struct RewardFixture {
  static let folder = Bundle.module.resourceURL!.appendingPathComponent("Fixtures")
  static let names = ["llama-reward", "llama-reward-pad-eos", "openrlhf-reward", "bert-reward"]

  let name: String
  let requests: [ScoringRequest]
  let ids: [[Int32]]
  let scores: [Double]

  init(_ name: String) throws {
    self.name = name
    let rows = try JSONRecord(contentsOf: Self.folder.appendingPathComponent("reference.json")).records("dialogues")
      .filter { try $0.string("checkpoint") == name }
    requests = try rows.enumerated().map { index, row in
      let prompt: Prompt =
        if case .string(let text) = try row.value("prompt") {
          .text(text)
        } else {
          .messages(
            try row.records("prompt").map { Message(role: try $0.string("role"), content: try $0.string("content")) })
        }
      return request(prompt, try row.string("response"), id: "\(index)")
    }
    ids = try rows.map { row in
      try row.array("ids").map {
        if case .integer(let id) = $0 { Int32(id) } else { throw row.mistyped("ids", expected: "ids") }
      }
    }
    scores = try rows.map { try $0.finite("score") }
  }

  var folder: URL { Self.folder.appendingPathComponent(name) }
  var format: TextFormat.Kind { name.hasPrefix("bert") ? .router : .chat }

  func model(
    maxTokens: Int? = nil, cut: TextCut = .start, normalizesReward: Bool? = nil,
    queue: ForwardQueue = ForwardQueue()
  ) throws -> TransformerRewardModel {
    try TransformerRewardModel(
      folder: folder, name: name, format: format, maxTokens: maxTokens, cut: cut,
      normalizesReward: normalizesReward, queue: queue)
  }
}

/// A fixture's folder in a temporary place, to be damaged there.
struct RewardCheckpointCopy {
  let folder: URL

  /// Calls `body` with a copy that is gone afterwards.
  static func with<Result>(_ fixture: String, _ body: (RewardCheckpointCopy) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reward-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: RewardFixture.folder.appendingPathComponent(fixture), to: folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(RewardCheckpointCopy(folder: folder))
  }

  func url(_ name: String) -> URL { folder.appendingPathComponent(name) }

  func set(_ key: String, _ value: JSONValue) throws {
    var object = JSONObject()
    for member in try JSONRecord(contentsOf: url("config.json")).object.members where member.key != key {
      object.append(member.key, member.value)
    }
    object.append(key, value)
    try Data(JSONValue.object(object).utf8()).write(to: url("config.json"))
  }

  func edit(_ body: (inout [String: Safetensors.Tensor]) throws -> Void) throws {
    var tensors = try Safetensors.decode(Data(contentsOf: url("model.safetensors")), name: "copy").tensors
    try body(&tensors)
    try Safetensors.encode(tensors).write(to: url("model.safetensors"))
  }

  func load(format: TextFormat.Kind = .chat, maxTokens: Int? = nil) throws -> TransformerRewardModel {
    try TransformerRewardModel(folder: folder, name: "copy", format: format, maxTokens: maxTokens)
  }
}

func request(_ prompt: Prompt, _ response: String, id: String = "pair") -> ScoringRequest {
  ScoringRequest(pairID: id, side: .a, dialogue: Dialogue(prompt: prompt, response: response))
}
