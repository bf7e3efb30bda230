import Foundation
import Randomness
import Storage
import Testing
import Transformers

/// Seeded damage to config.json: loading throws or gives a model that computes, and the summary says the same.
@Suite struct ConfigurationFuzzTests {
  private static let values: [JSONValue] = [
    .null, .boolean(true), .boolean(false), .integer(-1), .integer(0), .integer(1), .integer(2), .integer(3),
    .integer(64),
    .integer(1 << 28), .integer(1 << 28 + 1), .integer(.max), .integer(.min), .number(0.5), .number(-0.0),
    .number(1e-300), .number(1e308), .string(""), .string("llama"), .string("bert"), .string("relu"),
    .string("BertModel"), .array([]), .array([.string("LlamaModel")]), .array([.string("MistralModel")]), .object([:]),
    .object(["rope_type": .string("dynamic"), "factor": .number(1e300)]),
    .object(["rope_type": .string("linear"), "factor": .number(1e-300)]),
    .object([
      "rope_type": .string("llama3"), "factor": .integer(8), "low_freq_factor": .integer(1),
      "high_freq_factor": .integer(4), "rope_theta": .number(1e-300),
    ]),
  ]
  private static let furtherKeys = [
    "quantization_config", "num_experts", "head_dim", "rope_parameters", "partial_rotary_factor", "mlp_bias",
    "attention_bias", "layer_norm_eps", "type_vocab_size", "is_decoder", "use_sliding_window",
  ]

  private static func mutated(_ object: JSONObject, _ generator: inout PhiloxGenerator) -> Data {
    var object = object
    let keys = object.members.map(\.key) + furtherKeys
    for _ in 0...generator.nextIndex(below: 3) {
      let key = keys[generator.nextIndex(below: keys.count)]
      let choice = generator.nextIndex(below: values.count + 2)
      object = object.setting(key, choice < values.count ? values[choice] : nil)
    }
    var bytes = JSONValue.object(object).utf8()
    guard generator.nextIndex(below: 3) == 0 else { return Data(bytes) }
    for _ in 0...generator.nextIndex(below: 3) {
      let place = generator.nextIndex(below: bytes.count)
      switch generator.nextIndex(below: 4) {
      case 0: bytes[place] = UInt8(generator.nextIndex(below: 256))
      case 1: bytes.insert(UInt8(ascii: "9"), at: place)
      case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + generator.nextIndex(below: 8)))
      default: bytes.append(contentsOf: bytes[..<place].suffix(4))
      }
      if bytes.isEmpty { break }
    }
    return Data(bytes)
  }

  @Test(arguments: ["mistral-window", "llama-untied-bias", "qwen3", "bert-mean"])
  func damagedSettingsThrowOrLoad(fixture: String) throws {
    try CheckpointCopy.with(fixture) { copy in
      let original = try JSONRecord(contentsOf: copy.url("config.json")).object
      var generator = PhiloxGenerator(seed: 2026, stream: fixture)
      var loaded = 0
      for round in 0..<500 {
        let bytes = Self.mutated(original, &generator)
        try bytes.write(to: copy.url("config.json"))
        let summary = copy.summary
        do {
          let model = try copy.load()
          loaded += 1
          #expect(summary.loads, "round \(round) loads, against \(summary.problems)")
          #expect(summary.weightByteCount(.float32) == model.weightByteCount)
          var scratch = ForwardScratch()
          let states = try? model.hiddenStates(TokenBatch([[1, 0, 2], [1]]), scratch: &scratch)
          #expect(states == nil || states?.rows == 4)
        } catch {
          #expect(
            summary.problems.contains { $0.text == "\(error)" },
            "round \(round): \(error) is not among \(summary.problems)")
        }
        _ = (
          summary.weightByteCount(.bfloat16),
          summary.scratchByteCount(.float32, tokens: 8192, longest: 1024, workers: 2)
        )
      }
      // Neither all harmless nor all fatal.
      #expect((20...480).contains(loaded), "\(loaded) of 500 load")
    }
  }
}
