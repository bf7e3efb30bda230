import Foundation
import NeuralNetwork
import Storage

/// Parameters, or the arrays of an optimizer's state, in one safetensors file of F32: what is read equals what was written
/// to the bit.
public struct ParameterFile: Sendable {
  public var parameters: [Parameter]
  /// Texts beside them, e.g. the optimizer's count of steps.
  public var metadata: [String: String]

  public init(_ parameters: [Parameter], metadata: [String: String] = [:]) {
    self.parameters = parameters
    self.metadata = metadata
  }

  /// Reads all tensors, in the order of the file, which is that of their names.
  ///
  /// - Throws: `StorageError`, also for a tensor of another type: a narrower one would not be what was written.
  public init(contentsOf url: URL) throws {
    let file = try SafetensorsFile(mapping: url)
    metadata = file.metadata
    parameters = try file.tensorNames.map { name in
      let tensor = try file.tensor(name)
      guard tensor.dtype == .f32 else {
        throw StorageError.unusableTensor(
          file: url.path, tensor: name, reason: "parameters are saved as F32, this is \(tensor.dtype.rawValue)")
      }
      return Parameter(name: name, shape: tensor.shape, values: try tensor.floats())
    }
  }

  /// Writes in one step (`AtomicFile`); equal content gives equal bytes, whatever the order of the parameters.
  ///
  /// - Throws: `StorageError`.
  /// - Precondition: no name is there twice.
  public func write(to url: URL) throws {
    let descriptions = parameters.map {
      Safetensors.TensorDescription(name: $0.name, dtype: .f32, shape: $0.shape)
    }
    let indices = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.name, $0) })
    try SafetensorsWriter.write(to: url, tensors: descriptions, metadata: metadata) { tensor, output in
      if let index = indices[tensor.name] { try output.append(parameters[index].values) }
    }
  }
}
