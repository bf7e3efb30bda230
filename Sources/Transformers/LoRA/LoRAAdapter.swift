import Foundation
import LinearAlgebra
import NeuralNetwork
import Randomness
import Storage

/// A LoRA adapter: low-rank updates of a model's linear maps, and modules that were trained in full.
///
/// A folder as PEFT writes it: `adapter_config.json`, and `adapter_model.safetensors` with
/// `base_model.model.<path>.lora_A.weight` [r, inputs], `….lora_B.weight` [outputs, r] for each adapted module, and
/// `base_model.model.<path>.weight` (or `.bias`) for `modules_to_save`.
public struct LoRAAdapter: Sendable, Equatable {
  /// A linear map of the base model: its path is its key in the checkpoint without `.weight`.
  public struct Module: Sendable, Equatable {
    public let path: String
    public let outputs: Int
    public let inputs: Int

    public init(path: String, outputs: Int, inputs: Int) {
      self.path = path
      self.outputs = outputs
      self.inputs = inputs
    }
  }

  private static let prefix = "base_model.model."
  private static let suffixA = ".lora_A.weight"
  private static let suffixB = ".lora_B.weight"
  private static let configurationFile = "adapter_config.json"
  public static let tensorsFile = "adapter_model.safetensors"

  public let configuration: LoRAConfiguration
  /// What is trained, named as in the file: for each module A, then B; then the modules saved in full.
  public var parameters: [Parameter]
  /// The adapted modules, in the order of their parameters.
  public let modules: [Module]

  /// A fresh adapter: A as PEFT draws it, B zero. Each module draws from a stream of its own.
  ///
  /// - Parameters:
  ///   - modules: the model's linear maps, of which those among the configuration's targets are adapted.
  ///   - saved: parameters of `modulesToSave`, named by their keys in the base checkpoint.
  /// - Precondition: some module is a target; each saved parameter belongs to `modulesToSave`.
  public init(_ configuration: LoRAConfiguration, modules: [Module], saved: [Parameter] = [], seed: UInt64) {
    self.configuration = configuration
    self.modules = modules.filter { configuration.isTarget($0.path) && !configuration.isSaved($0.path) }
    precondition(!self.modules.isEmpty, "none of \(modules.count) modules is a target")
    parameters = self.modules.flatMap { module in
      var generator = PhiloxGenerator(seed: seed, stream: "lora_A " + module.path)
      let update = LowRankUpdate(
        outputs: module.outputs, inputs: module.inputs, rank: configuration.rank(of: module.path),
        scale: configuration.scale(of: module.path), using: &generator)
      return [
        Parameter(
          name: Self.prefix + module.path + Self.suffixA, shape: [update.rank, module.inputs],
          values: update.a.elements),
        Parameter(
          name: Self.prefix + module.path + Self.suffixB, shape: [module.outputs, update.rank],
          values: update.b.elements),
      ]
    }
    parameters += saved.map {
      precondition(configuration.isSaved(Self.module($0.name)), "\"\($0.name)\" is none of modules_to_save")
      return Parameter(name: Self.prefix + $0.name, shape: $0.shape, values: $0.values)
    }
  }

  /// - Parameter parameters: A, then B of each module.
  init(_ configuration: LoRAConfiguration, modules: [Module], parameters: [Parameter]) {
    self.configuration = configuration
    self.modules = modules
    self.parameters = parameters
  }

  /// Whether a folder holds an adapter rather than a checkpoint.
  public static func exists(at folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(configurationFile).path)
  }

  /// Reads an adapter's folder.
  ///
  /// - Throws: `StorageError`; `TransformersError` for settings that are not built, for a tensor that belongs to nothing,
  ///   has no partner, has another shape than the settings say, or is not finite.
  public init(folder: URL) throws {
    let configuration = try LoRAConfiguration(contentsOf: folder.appendingPathComponent(Self.configurationFile))
    let tensors = try CheckpointTensors(folder: folder, name: Self.tensorsFile)
    func read(_ name: String) throws -> Parameter {
      let tensor = try tensors.tensor(name)
      if let (index, value) = try tensor.firstNonFinite() {
        throw TransformersError.notFinite(file: folder.path, tensor: name, index: index, value: "\(value)")
      }
      return Parameter(name: name, shape: tensor.shape, values: try tensor.floats())
    }
    func unusable(_ name: String, _ problem: AdapterTensorProblem) -> TransformersError {
      .adapterTensor(folder: folder.path, tensor: name, problem)
    }
    var modules: [Module] = []
    var updates: [Parameter] = []
    var saved: [Parameter] = []
    for name in tensors.tensorNames {
      guard name.hasPrefix(Self.prefix) else { throw unusable(name, .noPrefix(expected: Self.prefix)) }
      let key = String(name.dropFirst(Self.prefix.count))
      if key.hasSuffix(Self.suffixA) {
        let path = String(key.dropLast(Self.suffixA.count))
        guard configuration.isTarget(path) else { throw unusable(name, .notATarget) }
        let rank = configuration.rank(of: path)
        let a = try read(name)
        let b = try read(Self.prefix + path + Self.suffixB)
        guard a.shape.count == 2, b.shape.count == 2, a.shape[0] == rank, b.shape[1] == rank else {
          throw unusable(name, .rank(a: a.shape, b: b.shape, expected: rank))
        }
        modules.append(Module(path: path, outputs: b.shape[0], inputs: a.shape[1]))
        updates += [a, b]
      } else if key.hasSuffix(Self.suffixB) {
        _ = try tensors.tensor(String(name.dropLast(Self.suffixB.count)) + Self.suffixA)
      } else {
        guard configuration.isSaved(Self.module(key)) else { throw unusable(name, .unknownPart) }
        saved.append(try read(name))
      }
    }
    self.configuration = configuration
    self.modules = modules
    parameters = updates + saved
  }

  /// Writes the folder so that PEFT reads it, in one step (`AtomicFolder`).
  public func write(to folder: URL, replacing: Bool = false) throws {
    try AtomicFolder.write(to: folder, replacing: replacing) { folder in
      try AtomicFile.write(
        Data(configuration.json.utf8(pretty: true)), to: folder.appendingPathComponent(Self.configurationFile))
      try ParameterFile(parameters, metadata: ["format": "pt"])
        .write(to: folder.appendingPathComponent(Self.tensorsFile))
    }
  }

  /// The update of `modules[index]`, with the parameters as they are now. Nothing is copied.
  public func update(_ index: Int) -> LowRankUpdate {
    let module = modules[index]
    let rank = configuration.rank(of: module.path)
    return LowRankUpdate(
      a: Matrix(rows: rank, columns: module.inputs, elements: parameters[2 * index].values),
      b: Matrix(rows: module.outputs, columns: rank, elements: parameters[2 * index + 1].values),
      scale: configuration.scale(of: module.path))
  }

  /// Adds each update to its weight (W += scale B A), and puts saved modules in their parameters' place, or behind the
  /// others where there are none yet.
  ///
  /// - Parameters:
  ///   - base: the base model's parameters, named as in its checkpoint. A prefix that names the model within a model with a
  ///     head (`model.`, `bert.`) may stand in one of both only.
  ///   - folder: what errors call the adapter.
  /// - Throws: `TransformersError.adapterTensor` where the base model lacks a weight or has it in another shape; `base` is
  ///   then half merged.
  public func merge(into base: inout [Parameter], folder: String) throws {
    let indices = Dictionary(uniqueKeysWithValues: base.enumerated().map { ($1.name, $0) })
    func target(_ key: String, of parameter: Parameter, _ shape: [Int]) throws -> Int? {
      guard let index = Self.spellings(of: key).lazy.compactMap({ indices[$0] }).first else { return nil }
      guard base[index].shape == shape else {
        throw TransformersError.adapterTensor(
          folder: folder, tensor: parameter.name, .weightShape(adapter: shape, base: base[index].shape))
      }
      return index
    }
    for (i, module) in modules.enumerated() {
      let shape = [module.outputs, module.inputs]
      guard let index = try target(module.path + ".weight", of: parameters[2 * i], shape) else {
        throw TransformersError.adapterTensor(
          folder: folder, tensor: parameters[2 * i].name, .noWeight(name: module.path + ".weight"))
      }
      var weight = Matrix(rows: shape[0], columns: shape[1], elements: base[index].values)
      update(i).merge(into: &weight)
      base[index].values = weight.elements
    }
    for parameter in parameters[(2 * modules.count)...] {
      let key = String(parameter.name.dropFirst(Self.prefix.count))
      if let index = try target(key, of: parameter, parameter.shape) {
        base[index].values = parameter.values
      } else {
        base.append(Parameter(name: key, shape: parameter.shape, values: parameter.values))
      }
    }
  }

  /// The module that a key belongs to.
  private static func module(_ key: String) -> String { key.split(separator: ".").dropLast().joined(separator: ".") }

  /// A key with and without what may stand before it.
  static func spellings(of key: String) -> [String] {
    let prefixes = ["model.", "bert.", CheckpointLayout.routerPrefix]
    let own = prefixes.first(where: key.hasPrefix).map { String(key.dropFirst($0.count)) } ?? key
    return [key, own] + prefixes.map { $0 + own }
  }
}
