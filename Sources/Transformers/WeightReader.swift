import LinearAlgebra
import NeuralNetwork

/// Where a model's layers come from: a checkpoint's files, or parameters in training.
protocol WeightReader {
  /// What errors call the model.
  var folder: String { get }
  var precision: Precision { get }
  /// The reader for the heads, whose keys have no prefix.
  var unprefixed: Self { get }

  /// Whether the layers read a tensor of this key.
  func needs(_ key: String) -> Bool
  /// One linear map from several tensors of one input, their outputs side by side; with biases where the layout has them.
  ///
  /// - Parameter keys: without `.weight` and `.bias`.
  func linear(_ keys: [String]) throws -> Linear
  func vector(_ key: String) throws -> [Float]
  /// A small matrix as it is.
  func matrix(_ key: String) throws -> Matrix<Float>
  func embedding(_ key: String) throws -> EmbeddingTable
}
