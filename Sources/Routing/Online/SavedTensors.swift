import Storage

/// Tensors of a saved state, whose shapes and values are checked as they are read.
public struct SavedTensors: Sendable {
  private let saved: Safetensors
  /// Where they were read from, for errors.
  let path: String
  /// Stands before each name.
  let prefix: String

  init(_ saved: Safetensors, path: String, prefix: String = "") {
    self.saved = saved
    self.path = path
    self.prefix = prefix
  }

  /// The tensors whose names begin so, by the rest of their names.
  func under(_ prefix: String) -> SavedTensors {
    SavedTensors(saved, path: path, prefix: self.prefix + prefix)
  }

  func contains(_ name: String) -> Bool { saved.tensors[prefix + name] != nil }

  /// The elements of a tensor, row by row; a dimension of the shape that is nil may have any size.
  ///
  /// - Throws: `RoutingError.savedState` for another shape or a value that is not finite, `StorageError` for a tensor that is missing.
  func values(_ name: String, _ shape: [Int?]) throws -> [Double] {
    let tensor = try saved.tensor(prefix + name, in: path)
    guard tensor.shape.count == shape.count, zip(tensor.shape, shape).allSatisfy({ $1 == nil || $0 == $1 }) else {
      throw RoutingError.savedState(
        path: path, .tensorShape(tensor: prefix + name, found: tensor.shape, expected: shape))
    }
    let values: [Double] = try tensor.values()
    guard values.allSatisfy(\.isFinite) else {
      throw RoutingError.savedState(path: path, .notFinite(tensor: prefix + name))
    }
    return values
  }

  /// The only element of a tensor.
  func value(_ name: String) throws -> Double { try values(name, [1])[0] }
}
