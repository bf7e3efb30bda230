import Foundation
import LinearAlgebra
import Storage

/// A fitted transform as one safetensors file: tensors `mean` [D] and `axes` [k, D] in F64 where it projects; its configuration and D as
/// metadata. What is read back is equal, bit for bit.
extension FittedContextTransform {
  private struct Manifest: Codable {
    let formatVersion: Int
    let inputDimension: Int
    let configuration: ContextTransform
  }

  private static let formatVersion = 1
  private static let metadataKey = "context_transform"

  public func saved() throws -> Safetensors {
    var tensors: [String: Safetensors.Tensor] = [:]
    if let projection {
      tensors["mean"] = Safetensors.Tensor(projection.mean)
      tensors["axes"] = Safetensors.Tensor(
        projection.axes.elements, shape: [projection.axes.rows, projection.axes.columns])
    }
    let manifest = Manifest(
      formatVersion: Self.formatVersion, inputDimension: inputDimension, configuration: configuration)
    let text = String(decoding: try JSONText.line(manifest), as: UTF8.self)
    return Safetensors(tensors: tensors, metadata: [Self.metadataKey: text])
  }

  /// - Parameter path: where `saved` was read from, for errors.
  /// - Throws: `RoutingError.savedState` or `StorageError` where something is missing, of the wrong shape or not finite.
  public init(_ saved: Safetensors, path: String) throws {
    func damaged(_ problem: SavedStateProblem) -> RoutingError { .savedState(path: path, problem) }
    guard let text = saved.metadata[Self.metadataKey],
      let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(text.utf8))
    else { throw damaged(.noContextTransform(key: Self.metadataKey)) }
    guard manifest.formatVersion == Self.formatVersion else {
      throw damaged(.formatVersion(found: manifest.formatVersion, readable: Self.formatVersion))
    }
    let configuration = manifest.configuration
    guard manifest.inputDimension >= 0, configuration.components.map({ $0 > 0 }) ?? true,
      configuration.interceptVarianceScale.map({ $0 > 0 && $0.isFinite }) ?? true
    else { throw damaged(.notPositive(key: Self.metadataKey)) }

    guard let components = configuration.components else {
      self.init(configuration, inputDimension: manifest.inputDimension, projection: nil)
      return
    }
    func values(_ name: String, shape: [Int]) throws -> [Double] {
      let tensor = try saved.tensor(name, in: path)
      guard tensor.shape == shape else {
        throw damaged(.tensorShape(tensor: name, found: tensor.shape, expected: shape))
      }
      let values: [Double] = try tensor.values()
      guard values.allSatisfy(\.isFinite) else { throw damaged(.notFinite(tensor: name)) }
      return values
    }
    let dimension = manifest.inputDimension
    let mean = try values("mean", shape: [dimension])
    let axes = try values("axes", shape: [components, dimension])
    self.init(
      configuration, inputDimension: dimension,
      projection: Projection(mean: mean, axes: Matrix(rows: components, columns: dimension, elements: axes)))
  }
}
