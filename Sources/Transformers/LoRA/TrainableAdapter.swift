import Foundation
import LinearAlgebra
import NeuralNetwork

/// The low-rank update of a weight, by the places of its factors among the parameters.
struct AdaptedWeight: Sendable {
  let a: Int
  let b: Int
  let scale: Float

  /// The factors as they are now.
  func update(_ parameters: [Parameter]) -> LowRankUpdate {
    func matrix(_ place: Int) -> Matrix<Float> {
      let parameter = parameters[place]
      return Matrix(rows: parameter.shape[0], columns: parameter.shape[1], elements: parameter.values)
    }
    return LowRankUpdate(a: matrix(a), b: matrix(b), scale: scale)
  }

  /// W + scale B A.
  func merged(into weight: Parameter, of parameters: [Parameter]) -> [Float] {
    var merged = Matrix(rows: weight.shape[0], columns: weight.shape[1], elements: weight.values)
    update(parameters).merge(into: &merged)
    return merged.elements
  }
}

extension LoRAAdapter {
  /// The adapted weights by their places among the parameters, where the adapter's stand behind `count` others.
  ///
  /// - Precondition: each module's weight is a parameter.
  func weights(_ index: [String: Int], behind count: Int) -> [Int: AdaptedWeight] {
    let weights = modules.enumerated().map { i, module in
      guard let place = Self.spellings(of: module.path + ".weight").lazy.compactMap({ index[$0] }).first else {
        preconditionFailure("\(module.path) is adapted, but is no map of the layers")
      }
      let a = count + 2 * i
      return (place, AdaptedWeight(a: a, b: a + 1, scale: configuration.scale(of: module.path)))
    }
    return Dictionary(uniqueKeysWithValues: weights)
  }
}

extension LoRAConfiguration {
  /// All linear maps of a model's layers: what is adapted where nothing else is wanted.
  public static func allLinearMaps(of type: TransformerConfiguration.ModelType) -> [String] {
    type == .bert
      ? ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
      : ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
  }
}

extension CheckpointLayout {
  /// The linear maps of the layers.
  private var modules: [LoRAAdapter.Module] {
    packings.flatMap(\.weights).map {
      LoRAAdapter.Module(path: Self.path($0.name), outputs: $0.shape[0], inputs: $0.shape[1])
    }
  }

  /// A fresh adapter of all maps of the layers that are targets.
  ///
  /// - Parameter model: what errors call the model.
  /// - Throws: `TransformersError.setting` for targets that are no maps of the layers, and for modules to be saved in full.
  func adapter(_ configuration: LoRAConfiguration, seed: UInt64, model: String) throws -> LoRAAdapter {
    try refuseSavedModules(configuration, of: "the adapter for \(model)")
    func refuse(_ target: String) -> TransformersError {
      .setting(
        file: "the adapter for \(model)", key: "target_modules", found: "\"\(target)\"",
        expected: "linear maps of the layers")
    }
    let modules = modules
    let paths = Set(modules.map(\.path))
    if let other = needs.first(where: {
      $0.shape.count > 1 && !paths.contains(Self.path($0.name)) && configuration.isTarget(Self.path($0.name))
    }) {
      throw refuse(Self.path(other.name))
    }
    switch configuration.targetModules {
    case .pattern(let pattern): if !paths.contains(where: configuration.isTarget) { throw refuse(pattern) }
    case .names(let names):
      guard !names.isEmpty else { throw refuse("") }
      for name in names where !paths.contains(where: { $0 == name || $0.hasSuffix("." + name) }) { throw refuse(name) }
    }
    return LoRAAdapter(configuration, modules: modules, seed: seed)
  }

  /// - Throws: `TransformersError.adapterTensor` where an adapted module is no map of the layers, has another shape or is
  ///   there twice, `TransformersError.setting` for modules saved in full and for none that are adapted.
  func check(_ adapter: LoRAAdapter, folder: String) throws {
    try refuseSavedModules(adapter.configuration, of: folder)
    guard !adapter.modules.isEmpty else {
      throw TransformersError.setting(
        file: folder, key: "target_modules", found: "an adapter without tensors", expected: "linear maps of the layers")
    }
    var left = Dictionary(uniqueKeysWithValues: modules.map { ($0.path, $0) })
    for (i, module) in adapter.modules.enumerated() {
      func refuse(_ problem: AdapterTensorProblem) -> TransformersError {
        .adapterTensor(folder: folder, tensor: adapter.parameters[2 * i].name, problem)
      }
      guard let base = LoRAAdapter.spellings(of: module.path).lazy.compactMap({ left[$0] }).first else {
        throw refuse(.noLinearMap(path: module.path))
      }
      left[base.path] = nil
      guard base.outputs == module.outputs, base.inputs == module.inputs else {
        throw refuse(.weightShape(adapter: [module.outputs, module.inputs], base: [base.outputs, base.inputs]))
      }
    }
  }

  private func refuseSavedModules(_ configuration: LoRAConfiguration, of file: String) throws {
    guard !configuration.modulesToSave.isEmpty else { return }
    throw TransformersError.setting(
      file: file, key: "modules_to_save", found: "\(configuration.modulesToSave)",
      expected: "none: only low-rank updates are trained")
  }

  private static func path(_ name: String) -> String { String(name.dropLast(".weight".count)) }
}

extension TrainableTransformer {
  /// The low-rank updates as they are now, which `LoRAAdapter.write` saves without the model; nil unless they are what is
  /// trained. `save` merges them into the weights instead.
  public var adapter: LoRAAdapter? {
    guard case .lowRank(let configuration) = trained else { return nil }
    return LoRAAdapter(configuration, modules: modules, parameters: Array(parameters[baseCount...]))
  }

  /// The parameters that are the model's own.
  var baseCount: Int { parameters.count - 2 * modules.count }

  /// A parameter of the model as it computes: with its update.
  func merged(_ place: Int) -> [Float] {
    adapted[place]?.merged(into: parameters[place], of: parameters) ?? parameters[place].values
  }

  /// Adds the gradients of a layer's updates.
  ///
  /// - Parameter maps: what the layer's maps took, and the gradients by what they gave.
  func addLowRank(
    _ maps: [(gradient: RowBlock, x: RowBlock)], of keys: LayerKeys, workers: Int, to gradients: inout [[Float]]
  ) {
    var weights: [AdaptedWeight] = []
    var jobs: [LowRankGradient.Job] = []
    for (map, places) in zip(maps, keys.weights) {
      var first = 0
      for place in places {
        let outputs = first..<first + parameters[place].shape[0]
        first = outputs.upperBound
        guard let weight = adapted[place] else { continue }
        weights.append(weight)
        jobs.append(LowRankGradient.Job(weight.update(parameters), map.gradient.columns(outputs), map.x))
      }
    }
    for (weight, found) in zip(weights, LowRankGradient.compute(jobs, workers: workers)) {
      found.a.all.add(to: &gradients[weight.a])
      found.b.all.add(to: &gradients[weight.b])
    }
  }
}
