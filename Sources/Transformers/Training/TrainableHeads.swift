import LinearAlgebra
import NeuralNetwork

/// Arrays that are trained together with a transformer and stand on top of it: a router's network, a reward model's
/// score vector.
///
/// A value of the type holds either the arrays themselves or the gradients by them, of the same names and shapes.
public protocol TrainableHeads: Sendable {
  /// All arrays, each under a name of its own, always in the same order. Nothing is copied.
  var arrays: [Parameter] { get }

  /// Lets `body` change the values in place; names, shapes and order stay as they are.
  mutating func update(_ body: (inout [Parameter]) -> Void)
}

extension TrainableHeads {
  /// Sets all values to 0 in the memory that they have.
  mutating func clear(threads: Int) {
    update { arrays in
      for i in arrays.indices { LinearAlgebra.clear(&arrays[i].values, threads: threads) }
    }
  }
}

/// Heads that are a plain list of arrays; without any, the transformer alone is trained.
public struct HeadArrays: TrainableHeads, Equatable {
  public var arrays: [Parameter]

  public init(_ arrays: [Parameter] = []) { self.arrays = arrays }

  public mutating func update(_ body: (inout [Parameter]) -> Void) { body(&arrays) }
}
