import LinearAlgebra
import NeuralNetwork

/// Makes layers of parameters that are in memory, those within the backward pass ready for it. Low-rank updates are part of
/// the weights then.
struct ParameterReader: WeightReader {
  let parameters: [Parameter]
  let index: [String: Int]
  let adapted: [Int: AdaptedWeight]
  /// The weights that the backward pass goes through.
  let passed: Set<Int>
  /// Maps that have not changed, by the place of their first weight.
  let kept: [Int: Linear]
  let folder: String
  let memory: PackedMemory
  var prefix: String
  let precision = Precision.float32

  var unprefixed: ParameterReader {
    var copy = self
    copy.prefix = ""
    return copy
  }

  func needs(_ key: String) -> Bool { index[prefix + key] != nil }

  func linear(_ keys: [String]) throws -> Linear {
    let places = keys.map { place($0 + ".weight") }
    if let linear = kept[places[0]] { return linear }
    let weights = places.map { adapted[$0]?.merged(into: parameters[$0], of: parameters) ?? parameters[$0].values }
    let inputs = parameters[places[0]].shape[1]
    let bias = needs(keys[0] + ".bias") ? try keys.flatMap { try vector($0 + ".bias") } : nil
    if passed.contains(places[0]) { return Linear(training: weights, bias: bias, inputs: inputs, memory: memory) }
    return Linear(weight: PackedMatrix(weights, inputs: inputs), bias: bias)
  }

  func vector(_ key: String) throws -> [Float] { parameters[place(key)].values }

  func matrix(_ key: String) throws -> Matrix<Float> {
    let parameter = parameters[place(key)]
    return Matrix(rows: parameter.shape[0], columns: parameter.shape[1], elements: parameter.values)
  }

  func embedding(_ key: String) throws -> EmbeddingTable { EmbeddingTable(try matrix(key)) }

  private func place(_ key: String) -> Int {
    guard let place = index[prefix + key] else { preconditionFailure("\(prefix + key) is read, but is no parameter") }
    return place
  }
}
