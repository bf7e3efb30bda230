/// How a tensor of a LoRA adapter does not fit the adapter's settings or the base model.
public enum AdapterTensorProblem: Sendable, Equatable, CustomStringConvertible {
  /// The name lacks the prefix that PEFT gives to all tensors.
  case noPrefix(expected: String)
  /// The tensor adapts a module that the settings do not name.
  case notATarget
  /// A and B, of these shapes, have not the rank that the settings give.
  case rank(a: [Int], b: [Int], expected: Int)
  /// The tensor is no part of a low-rank update, and its module is not to be saved in full.
  case unknownPart
  /// The base model has the weight in another shape than the adapter, whose outputs and inputs are `adapter`.
  case weightShape(adapter: [Int], base: [Int])
  /// The base model lacks the weight.
  case noWeight(name: String)
  /// The model's layers have no linear map of this path, or an earlier module has adapted it.
  case noLinearMap(path: String)

  /// What is wrong with the tensor, to be read after its name.
  public var description: String {
    switch self {
    case .noPrefix(let expected):
      "does not begin with \(expected)"
    case .notATarget:
      "adapts none of target_modules"
    case .rank(let a, let b, let expected):
      "has shape \(a), lora_B \(b), but the settings give a rank of \(expected)"
    case .unknownPart:
      "is neither lora_A nor lora_B, nor one of modules_to_save"
    case .weightShape(let adapter, let base):
      "is for a weight of shape \(adapter), but the base model's is \(base)"
    case .noWeight(let name):
      "is for a weight that the base model lacks: \(name)"
    case .noLinearMap(let path):
      "is for \(path), which is no linear map of the model's layers, or is adapted twice"
    }
  }
}
