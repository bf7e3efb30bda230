import Foundation
import NeuralNetwork
import Storage

extension TrainableTransformer {
  /// Writes the parameters as a safetensors file under their checkpoint's names, in float32 and in one step; low-rank
  /// updates are merged into their weights (PEFT's `merge_and_unload`).
  ///
  /// - Throws: `StorageError`.
  public func saveWeights(to url: URL) throws {
    let tensors = parameters.prefix(baseCount).map {
      Safetensors.TensorDescription(name: $0.name, dtype: .f32, shape: $0.shape)
    }
    try SafetensorsWriter.write(to: url, tensors: tensors, metadata: ["format": "pt"]) { tensor, output in
      guard let place = index[tensor.name] else { preconditionFailure("\(tensor.name) is no parameter") }
      try output.append(merged(place))
    }
  }

  /// Writes a checkpoint folder in one step, replacing an old one: the weights as one file, and beside them the other files
  /// of the folder that the model was read from, `config.json` naming float32. Tensors that the model does not read,
  /// such as the pooler of a BERT without a head, are left out.
  ///
  /// - Throws: `StorageError`.
  /// - Precondition: the model was read from a folder.
  public func save(to folder: URL) throws {
    guard let source else { preconditionFailure("random weights have no config.json to save") }
    try AtomicFolder.write(to: folder, replacing: true) { target in
      for url in try Self.companions(of: source) {
        try FileManager.default.copyItem(
          at: url.resolvingSymlinksInPath(), to: target.appendingPathComponent(url.lastPathComponent))
      }
      let record = try JSONRecord(contentsOf: source.appendingPathComponent("config.json"))
      var object = JSONObject()
      for member in record.object.members {
        let isType = member.key == "dtype" || member.key == "torch_dtype"
        object.append(member.key, isType ? .string("float32") : member.value)
      }
      try AtomicFile.write(
        Data((JSONValue.object(object).text() + "\n").utf8), to: target.appendingPathComponent("config.json"))
      try saveWeights(to: target.appendingPathComponent("model.safetensors"))
    }
  }

  /// What stands beside the weights: tokenizer, pooling, …; links are followed, as caches of checkpoints have them.
  private static func companions(of folder: URL) throws -> [URL] {
    let weights = [
      ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".gguf", ".h5", ".ot",
      ".onnx",
      ".msgpack",
    ]
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { url in
        let name = url.lastPathComponent
        // Of folders those of sentence-transformers' modules alone, 1_Pooling and the like: others hold other weights.
        guard !url.hasDirectoryPath || name.first?.isNumber == true else { return false }
        return name != "config.json" && !name.hasPrefix(".") && !weights.contains { name.hasSuffix($0) }
      }
  }
}
