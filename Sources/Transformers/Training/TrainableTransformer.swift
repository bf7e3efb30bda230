import Foundation
import LinearAlgebra
import NeuralNetwork
import Randomness
import Storage

/// Which of a model's parameters are trained. Its heads never are: what stands on top of the states is the caller's.
public enum TrainedPart: Sendable, Equatable {
  case none
  /// The last layers and, in Llama's family, the final norm.
  case lastLayers(Int)
  case all
  /// Low-rank updates of the layers' linear maps that are the configuration's targets; the weights stay as they are.
  case lowRank(LoRAConfiguration)
}

/// A transformer in training, in float32: its parameters, and the packed model that is made of them anew after each
/// update.
public struct TrainableTransformer: Sendable {
  public let configuration: TransformerConfiguration
  public let pooling: Pooling
  public let trained: TrainedPart
  /// All tensors that the model reads, in the order of its checkpoint layout, then the adapter's; change them by `update`.
  public private(set) var parameters: [Parameter]
  /// One for each parameter.
  public let isTrained: [Bool]
  /// Where a checkpoint was read, whose other files are saved along with the weights; nil for random weights.
  let source: URL?
  let keys: [LayerKeys]
  let prefix: String
  let index: [String: Int]
  /// The last layers, through which the backward pass goes: those that are trained, or from the first adapted one on.
  let trainedLayers: Int
  /// Which maps have low-rank updates, in the order of their parameters, and the updates by the places of their weights.
  let modules: [LoRAAdapter.Module]
  let adapted: [Int: AdaptedWeight]
  private var packed: TransformerModel?
  /// The memory for packed weights of the maps that updates change.
  private let memory = PackedMemory()

  /// Reads a checkpoint folder.
  ///
  /// - Parameter seed: of the adapter's start, where there is one.
  /// - Throws: as `TransformerModel.init(folder:)`; `TransformersError.setting` for targets of an adapter that are no linear
  ///   maps of the layers.
  public init(folder: URL, trained: TrainedPart, seed: UInt64 = 0) throws {
    try self.init(folder: folder, trained: trained) { layout in
      guard case .lowRank(let configuration) = trained else { return nil }
      return try layout.adapter(configuration, seed: seed, model: folder.path)
    }
  }

  /// Reads a checkpoint folder and goes on from an adapter for it.
  ///
  /// - Parameter name: what errors call the adapter.
  /// - Throws: as above; `TransformersError` where the adapter does not fit the model or holds modules saved in full.
  public init(folder: URL, adapter: LoRAAdapter, name: String = "the adapter") throws {
    try self.init(folder: folder, trained: .lowRank(adapter.configuration)) { layout in
      try layout.check(adapter, folder: name)
      return adapter
    }
  }

  private init(folder: URL, trained: TrainedPart, _ adapter: (CheckpointLayout) throws -> LoRAAdapter?) throws {
    let settings = try TransformerConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    let reader = try CheckpointReader(
      CheckpointTensors(folder: folder), settings, folder: folder, precision: .float32, allowsNonFinite: false)
    let configuration = reader.layout.configuration
    let parameters = try reader.layout.needs.map { need in
      Parameter(name: need.name, shape: need.shape, values: try reader.values(need.name))
    }
    self.init(
      configuration, try Pooling(folder: folder, isCausal: configuration.isCausal), reader.layout, parameters,
      trained: trained, adapter: try adapter(reader.layout), source: folder)
  }

  /// Random weights: matrices and embeddings uniform with standard deviation 0.02, norms 1, biases 0.
  ///
  /// - Precondition: an adapter's targets are linear maps of the layers.
  public init(_ configuration: TransformerConfiguration, seed: UInt64, trained: TrainedPart) {
    let layout = CheckpointLayout(new: configuration)
    let width = 0.02 * (12 as Double).squareRoot()
    let parameters = layout.needs.map { need in
      let count = need.shape.reduce(1, *)
      var values = [Float](repeating: need.name.hasSuffix("bias") ? 0 : 1, count: count)
      if need.shape.count > 1 {
        var generator = PhiloxGenerator(seed: seed, stream: need.name)
        for i in 0..<count { values[i] = Float((generator.nextUniform() - 0.5) * width) }
      }
      return Parameter(name: need.name, shape: need.shape, values: values)
    }
    let pooling = Pooling(configuration.isCausal ? .lastToken : .mean)
    var adapter: LoRAAdapter?
    if case .lowRank(let settings) = trained {
      do {
        adapter = try layout.adapter(settings, seed: seed, model: "random weights")
      } catch {
        preconditionFailure("\(error)")
      }
    }
    self.init(configuration, pooling, layout, parameters, trained: trained, adapter: adapter, source: nil)
  }

  private init(
    _ configuration: TransformerConfiguration, _ pooling: Pooling, _ layout: CheckpointLayout,
    _ base: [Parameter], trained: TrainedPart, adapter: LoRAAdapter?, source: URL?
  ) {
    self.configuration = configuration
    self.pooling = pooling
    self.trained = trained
    let parameters = base + (adapter?.parameters ?? [])
    self.parameters = parameters
    modules = adapter?.modules ?? []
    self.source = source
    let prefix = layout.prefix
    self.prefix = prefix
    let index = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.name, $0) })
    self.index = index
    let stem = prefix + (configuration.modelType == .bert ? "encoder.layer." : "layers.")
    let layers = configuration.numHiddenLayers
    let keys = (0..<layers).map { layer in LayerKeys(configuration) { index["\(stem)\(layer).\($0)"] } }
    self.keys = keys
    let adapted = adapter?.weights(index, behind: base.count) ?? [:]
    self.adapted = adapted
    trainedLayers =
      switch trained {
      case .none: 0
      case .lastLayers(let count): min(count, layers)
      case .all: layers
      case .lowRank:
        layers - (keys.firstIndex { $0.weights.joined().contains { adapted[$0] != nil } } ?? layers)
      }
    var isTrained = [Bool](repeating: false, count: base.count)
    if adapted.isEmpty {
      for layer in keys.suffix(trainedLayers) {
        for place in (layer.weights + layer.biases + [layer.norms]).joined() { isTrained[place] = true }
      }
      if trained != .none, let norm = index[prefix + "norm.weight"] { isTrained[norm] = true }
      if trained == .all {
        for (place, need) in layout.needs.enumerated() where need.part == .embedding { isTrained[place] = true }
      }
    }
    self.isTrained = isTrained + [Bool](repeating: true, count: parameters.count - base.count)
    packed = makeModel(kept: [:])
  }

  /// The model of the parameters as they are, for inference.
  public var model: TransformerModel {
    guard let packed else { preconditionFailure("a model in the middle of an update") }
    return packed
  }

  /// Those of the parameters that are trained, in their order.
  public var trainedParameters: [Parameter] { zip(parameters, isTrained).filter(\.1).map(\.0) }

  /// Zeros in the shape of the trained parameters, and empty arrays for the others: what `backward` adds to.
  public var zeroGradients: [[Float]] {
    zip(parameters, isTrained).map { [Float](repeating: 0, count: $1 ? $0.values.count : 0) }
  }

  /// Changes the trained parameters in place and packs them anew.
  ///
  /// - Precondition: names, shapes and the parameters that are not trained stay as they are.
  public mutating func update(_ body: (inout [Parameter]) throws -> Void) rethrows {
    let kept = unchangedMaps
    // The model shares embeddings with the parameters: let go, they are changed without a copy, and what the other maps were
    // packed into is free for the new ones.
    packed = nil
    defer { packed = makeModel(kept: kept) }
    try body(&parameters)
  }

  /// The packed maps that no update changes, by the place of their first weight.
  private var unchangedMaps: [Int: Linear] {
    let linears =
      switch model.layers {
      case .encoder(let stack): stack.blocks.map(\.linears)
      case .decoder(let stack): stack.blocks.map(\.linears)
      }
    var unchanged: [Int: Linear] = [:]
    for (layer, linears) in zip(keys, linears) {
      for (places, linear) in zip(layer.weights, linears) {
        if places.allSatisfy({ !isTrained[$0] && adapted[$0] == nil }) { unchanged[places[0]] = linear }
      }
    }
    return unchanged
  }

  private func makeModel(kept: [Int: Linear]) -> TransformerModel {
    let passed = keys.suffix(trainedLayers).flatMap { $0.weights.joined() }
    let reader = ParameterReader(
      parameters: parameters, index: index, adapted: adapted, passed: Set(passed), kept: kept,
      folder: source?.path ?? "random weights", memory: memory, prefix: prefix)
    do {
      return configuration.modelType == .bert
        ? try .bert(reader, configuration, pooling) : try .decoder(reader, configuration, pooling)
    } catch {
      preconditionFailure("making a model of memory failed: \(error)")
    }
  }
}
