import Foundation
import LinearAlgebra
import NeuralNetwork
import Storage

/// Which of a model's parameters are trained. Its heads never are: what stands on top of the states is the caller's.
public enum TrainedPart: Sendable, Equatable {
  case none
  /// The last layers and, in Llama's family, the final norm.
  case lastLayers(Int)
  case all
}

/// A transformer in training, in float32: its parameters, and the packed model that is made of them anew after each
/// update.
public struct TrainableTransformer: Sendable {
  public let configuration: TransformerConfiguration
  public let pooling: Pooling
  public let trained: TrainedPart
  /// All tensors that the model reads, in the order of its checkpoint layout; change them by `update`.
  public private(set) var parameters: [Parameter]
  /// One for each parameter.
  public let isTrained: [Bool]
  /// Where a checkpoint was read, whose other files are saved along with the weights; nil for random weights.
  let source: URL?
  let keys: [LayerKeys]
  let prefix: String
  let index: [String: Int]
  private var packed: TransformerModel?
  /// Of the trained layers, from update to update.
  private let memory = PackedMemory()

  /// Reads a checkpoint folder.
  ///
  /// - Throws: as `TransformerModel.init(folder:)`.
  public init(folder: URL, trained: TrainedPart) throws {
    let configuration = try TransformerConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    let reader = try CheckpointReader(
      CheckpointTensors(folder: folder), configuration, folder: folder, precision: .float32, allowsNonFinite: false)
    let parameters = try reader.layout.needs.map { need in
      Parameter(name: need.name, shape: need.shape, values: try reader.values(need.name))
    }
    self.init(
      configuration, try Pooling(folder: folder, isCausal: configuration.isCausal), reader.layout, parameters,
      trained: trained, source: folder)
  }

  /// Random weights: matrices and embeddings uniform with standard deviation 0.02, norms 1, biases 0.
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
    self.init(configuration, pooling, layout, parameters, trained: trained, source: nil)
  }

  private init(
    _ configuration: TransformerConfiguration, _ pooling: Pooling, _ layout: CheckpointLayout,
    _ parameters: [Parameter], trained: TrainedPart, source: URL?
  ) {
    self.configuration = configuration
    self.pooling = pooling
    self.trained = trained
    self.parameters = parameters
    self.source = source
    let prefix = layout.prefix
    self.prefix = prefix
    let index = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.name, $0) })
    self.index = index
    let stem = prefix + (configuration.modelType == .bert ? "encoder.layer." : "layers.")
    let layers = configuration.numHiddenLayers
    keys = (0..<layers).map { layer in LayerKeys(configuration) { index["\(stem)\(layer).\($0)"] } }
    var isTrained = [Bool](repeating: false, count: parameters.count)
    let count = Self.trainedLayers(trained, of: layers)
    for layer in keys.suffix(count) {
      for place in (layer.weights + layer.biases + [layer.norms]).joined() { isTrained[place] = true }
    }
    if trained != .none, let norm = index[prefix + "norm.weight"] { isTrained[norm] = true }
    if trained == .all {
      for (place, need) in layout.needs.enumerated() where need.part == .embedding { isTrained[place] = true }
    }
    self.isTrained = isTrained
    packed = makeModel(kept: nil)
  }

  /// The model of the parameters as they are, for inference.
  public var model: TransformerModel {
    guard let packed else { preconditionFailure("a model in the middle of an update") }
    return packed
  }

  /// The last layers that are trained.
  var trainedLayers: Int { Self.trainedLayers(trained, of: configuration.numHiddenLayers) }

  private static func trainedLayers(_ trained: TrainedPart, of layers: Int) -> Int {
    switch trained {
    case .none: 0
    case .lastLayers(let count): min(count, layers)
    case .all: layers
    }
  }

  /// Zeros in the shape of the trained parameters, and empty arrays for the others: what `backward` adds to.
  public var zeroGradients: [[Float]] {
    zip(parameters, isTrained).map { [Float](repeating: 0, count: $1 ? $0.values.count : 0) }
  }

  /// Changes the trained parameters in place and packs them anew.
  ///
  /// - Precondition: names, shapes and the parameters that are not trained stay as they are.
  public mutating func update(_ body: (inout [Parameter]) throws -> Void) rethrows {
    // The model shares embeddings with the parameters: let go, they are changed without a copy, and what the trained layers
    // were packed into is free for the new ones.
    let kept = packed?.layers.prefix(configuration.numHiddenLayers - trainedLayers)
    packed = nil
    defer { packed = makeModel(kept: kept) }
    try body(&parameters)
  }

  /// - Parameter kept: the layers that are not trained, as they were before an update.
  private func makeModel(kept layers: TransformerModel.Layers?) -> TransformerModel {
    let reader = ParameterReader(
      parameters: parameters, index: index, isTrained: isTrained, folder: source?.path ?? "random weights",
      memory: memory, prefix: prefix)
    do {
      switch (configuration.modelType, layers) {
      case (.bert, .encoder(let stack)):
        return try .bert(reader, configuration, pooling, kept: stack.blocks)
      case (.bert, _): return try .bert(reader, configuration, pooling)
      case (_, .decoder(let stack)):
        return try .decoder(reader, configuration, pooling, kept: stack.blocks)
      default: return try .decoder(reader, configuration, pooling)
      }
    } catch {
      preconditionFailure("making a model of memory failed: \(error)")
    }
  }
}
