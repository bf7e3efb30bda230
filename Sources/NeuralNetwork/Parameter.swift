/// Numbers that training changes: a tensor of a checkpoint.
public struct Parameter: Sendable, Equatable {
  /// The tensor's key in the checkpoint.
  public let name: String
  public let shape: [Int]
  /// Row-major, as many as the shape says.
  public var values: [Float]

  public init(name: String, shape: [Int], values: [Float]) {
    precondition(values.count == shape.reduce(1, *), "\(name): \(values.count) values for the shape \(shape)")
    self.name = name
    self.shape = shape
    self.values = values
  }
}
