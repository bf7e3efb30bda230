import Foundation
import NeuralNetwork
import Storage
import TestSupport
import Testing
import Transformers

/// Adapters that PEFT wrote (`Scripts/fixtures/optimizer.py`), read, written again and merged.
@Suite struct LoRAAdapterTests {
  private func folder(_ name: String) -> URL { ParityTests.folder.appendingPathComponent(name) }

  private func bytes(_ folder: URL, _ name: String) throws -> [UInt8] {
    try AtomicFile.read(folder.appendingPathComponent(name))
  }

  private func temporary<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("adapter-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  @Test(arguments: ["lora-llama", "lora-bert"])
  func whatIsWrittenIsWhatPEFTReads(name: String) throws {
    let adapter = try LoRAAdapter(folder: folder(name))
    try temporary { copy in
      try adapter.write(to: copy)
      #expect(try bytes(copy, "adapter_model.safetensors") == bytes(folder(name), "adapter_model.safetensors"))
      #expect(try bytes(copy, "adapter_config.json") == bytes(folder(name), "written_adapter_config.json"))
      #expect(try LoRAAdapter(folder: copy) == adapter)
    }
  }

  @Test(arguments: [("lora-llama", "llama-score"), ("lora-bert", "bert-score")])
  func mergedWeightsEqualPEFTs(name: String, base: String) throws {
    let adapter = try LoRAAdapter(folder: folder(name))
    let original = try ParameterFile(contentsOf: folder(base).appendingPathComponent("model.safetensors")).parameters
    let expected = try SafetensorsFile(mapping: folder(name).appendingPathComponent("merged.safetensors"))
    var merged = original
    try adapter.merge(into: &merged, folder: name)
    #expect(merged.map(\.name) == original.map(\.name))
    for (parameter, before) in matched(merged, original) {
      guard let tensor = expected[parameter.name] else {
        #expect(parameter == before, "\(parameter.name) is not adapted")
        continue
      }
      for (value, other) in matched(parameter.values, try tensor.floats()) {
        #expect(abs(value - other) <= 1e-6, "\(parameter.name)")
      }
      #expect(parameter.values != before.values)
    }
    // A base model without the prefix, and without the head.
    var bare = original.filter { $0.name != "score.weight" }.map { parameter in
      let name = parameter.name.split(separator: ".", maxSplits: 1)
      return ["model", "bert"].contains(name[0])
        ? Parameter(name: String(name[1]), shape: parameter.shape, values: parameter.values) : parameter
    }
    try adapter.merge(into: &bare, folder: name)
    let values = Dictionary(uniqueKeysWithValues: merged.map { ($0.values, $0.name) })
    #expect(bare.allSatisfy { values[$0.values] != nil })
    #expect(bare.count == original.count)
  }

  @Test func ranksAndScalesFollowThePatterns() throws {
    let adapter = try LoRAAdapter(folder: folder("lora-llama"))
    let settings = adapter.configuration
    #expect(settings.rank(of: "model.layers.0.self_attn.q_proj") == 3)
    #expect(settings.rank(of: "model.layers.1.self_attn.q_proj") == 2)
    #expect(settings.rank(of: "model.layers.1.self_attn.xq_proj") == 4)
    #expect(settings.scale(of: "model.layers.1.mlp.down_proj") == 4)
    #expect(settings.scale(of: "model.layers.0.self_attn.v_proj") == 1.5)
    #expect(adapter.modules.count == 6)
    #expect(try LoRAAdapter(folder: folder("lora-bert")).update(0).scale == 1.5)
  }

  @Test func aFreshAdapterChangesNothingAndIsReadBack() throws {
    var settings = LoRAConfiguration(
      r: 2, loraAlpha: 4, targetModules: ["q_proj"], modulesToSave: ["score"], taskType: "SEQ_CLS")
    settings.rankPattern = [(pattern: "layers.1.self_attn.q_proj", rank: 1)]
    let original = try ParameterFile(
      contentsOf: folder("llama-score").appendingPathComponent("model.safetensors")
    ).parameters
    let modules = original.filter { $0.shape.count == 2 }.map {
      LoRAAdapter.Module(
        path: String($0.name.dropLast(".weight".count)), outputs: $0.shape[0], inputs: $0.shape[1])
    }
    let saved = original.filter { $0.name == "score.weight" }
    let adapter = LoRAAdapter(settings, modules: modules, saved: saved, seed: 5)
    #expect(adapter.modules.map(\.path) == (0..<2).map { "model.layers.\($0).self_attn.q_proj" })
    #expect(adapter.parameters.map(\.shape) == [[2, 32], [32, 2], [1, 32], [32, 1], [1, 32]])
    var merged = original
    try adapter.merge(into: &merged, folder: "fresh")
    #expect(merged == original)
    try temporary { copy in
      try adapter.write(to: copy)
      #expect(try LoRAAdapter(folder: copy) == adapter)
    }
    // One more module shifts no other's draws.
    settings.targetModules = .names(["q_proj", "k_proj"])
    let wider = LoRAAdapter(settings, modules: modules, saved: saved, seed: 5)
    #expect(adapter.parameters.allSatisfy(wider.parameters.contains))
    #expect(LoRAAdapter(settings, modules: modules, saved: saved, seed: 6) != wider)
  }

  @Test(arguments: [
    ("peft_type", JSONValue.string("IA3")), ("use_dora", .boolean(true)), ("use_qalora", .boolean(true)),
    ("bias", .string("all")), ("lora_bias", .boolean(true)), ("fan_in_fan_out", .boolean(true)),
    ("init_lora_weights", .string("pissa")), ("layer_replication", .array([.array([.integer(0), .integer(2)])])),
    ("rank_pattern", .object(["(": .integer(1)])), ("r", .integer(0)), ("use_rslora", .string("yes")),
    ("target_modules", .array([.integer(1)])), ("target_modules", .string("[")), ("lora_alpha", .null),
  ])
  func whatIsNotBuiltIsNamed(key: String, value: JSONValue) throws {
    try CheckpointCopy.with("lora-llama") { copy in
      let url = copy.url("adapter_config.json")
      var changed = JSONObject()
      for member in try JSONRecord(contentsOf: url).object.members where member.key != key {
        changed.append(member.key, member.value)
      }
      changed.append(key, value)
      try copy.write("adapter_config.json", JSONValue.object(changed).text())
      let error = #expect(throws: (any Error).self) { try LoRAAdapter(folder: copy.folder) }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains("adapter_config.json") && (text.contains("\"\(key)\"") || text.contains(key)), "\(text)")
    }
  }

  @Test func tensorsThatDoNotFitAreNamed() throws {
    let key = "base_model.model.model.layers.0.self_attn.q_proj"
    func expectError(_ tensor: String, _ problem: String, _ change: (inout [Parameter]) -> Void) throws {
      try CheckpointCopy.with("lora-llama") { copy in
        var file = try ParameterFile(contentsOf: copy.url("adapter_model.safetensors"))
        change(&file.parameters)
        try file.write(to: copy.url("adapter_model.safetensors"))
        let error = #expect(throws: (any Error).self) { try LoRAAdapter(folder: copy.folder) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("\"\(tensor)\"") && text.contains(problem), "\(text)")
      }
    }
    let zeros = [Float](repeating: 0, count: 64)
    try expectError(key + ".lora_B.weight", "no tensor") { $0.removeAll { $0.name == key + ".lora_B.weight" } }
    try expectError(key + ".lora_A.weight", "no tensor") { $0.removeAll { $0.name == key + ".lora_A.weight" } }
    try expectError(key + ".lora_A.weight", "rank of 3") {
      $0.removeAll { $0.name == key + ".lora_A.weight" }
      $0.append(Parameter(name: key + ".lora_A.weight", shape: [2, 32], values: zeros))
    }
    try expectError("base_model.model.model.norm.weight", "modules_to_save") {
      $0.append(Parameter(name: "base_model.model.model.norm.weight", shape: [64], values: zeros))
    }
    try expectError("model.x.lora_A.weight", "does not begin with") {
      $0.append(Parameter(name: "model.x.lora_A.weight", shape: [64], values: zeros))
    }
    try expectError(key + ".lora_A.weight", "nan at index 3") { parameters in
      let index = parameters.firstIndex { $0.name == key + ".lora_A.weight" }
      if let index { parameters[index].values[3] = .nan }
    }
  }

  @Test func aBaseModelOfAnotherShapeIsRefused() throws {
    let adapter = try LoRAAdapter(folder: folder("lora-llama"))
    var base = try ParameterFile(contentsOf: folder("bert-score").appendingPathComponent("model.safetensors"))
      .parameters
    let missing = #expect(throws: TransformersError.self) { try adapter.merge(into: &base, folder: "lora") }
    #expect("\(missing.map(String.init(describing:)) ?? "")".contains("the base model lacks"))
    var small = adapter.modules.map { Parameter(name: $0.path + ".weight", shape: [1, 1], values: [0]) }
    let shaped = #expect(throws: TransformersError.self) { try adapter.merge(into: &small, folder: "lora") }
    #expect("\(shaped.map(String.init(describing:)) ?? "")".contains("the base model's is [1, 1]"))
  }
}
