/// What can be wrong with a checkpoint, or with what it is given.
public enum TransformersError: Error, Equatable, CustomStringConvertible {
  /// A setting that has no meaning or is not built.
  case setting(file: String, key: String, found: String, expected: String)
  case shape(file: String, tensor: String, expected: [Int], found: [Int])
  case notFinite(file: String, tensor: String, index: Int, value: String)
  case unsupportedPrecision(String)
  /// Something is asked of a checkpoint that it cannot give, e.g. scores of one without a score head.
  case missingHead(folder: String, head: String, architecture: String)
  case tokenOutOfRange(sequence: Int, token: Int, vocabulary: Int)
  /// A token type, of BERT's `type_ids`, that has no embedding.
  case typeOutOfRange(sequence: Int, type: Int, types: Int)
  case sequenceTooLong(sequence: Int, tokens: Int, limit: Int, key: String)
  case vocabularyMismatch(tokenizer: Int, model: Int, folder: String)
  /// A tensor of an adapter that does not fit its settings or the base model.
  case adapterTensor(folder: String, tensor: String, AdapterTensorProblem)

  public var description: String {
    switch self {
    case .setting(let file, let key, let found, let expected):
      "\(file), key \"\(key)\": \(found) is not supported; expected \(expected)"
    case .shape(let file, let tensor, let expected, let found):
      "\(file): tensor \"\(tensor)\" has shape \(found), but config.json asks for \(expected)"
    case .notFinite(let file, let tensor, let index, let value):
      "\(file): tensor \"\(tensor)\" holds \(value) at index \(index); the checkpoint is damaged "
        + "(to load it all the same: --allow-non-finite)"
    case .unsupportedPrecision(let precision):
      "this CPU does not multiply \(precision) (AVX512-BF16 is needed); use float32"
    case .missingHead(let folder, let head, let architecture):
      "\(folder) is a \(architecture), which has no \(head)"
    case .tokenOutOfRange(let sequence, let token, let vocabulary):
      "sequence \(sequence): token id \(token) is not below the model's vocabulary of \(vocabulary); "
        + "is this the model's own tokenizer?"
    case .typeOutOfRange(let sequence, let type, let types):
      "sequence \(sequence): token type \(type) is not below the model's type_vocab_size of \(types)"
    case .sequenceTooLong(let sequence, let tokens, let limit, let key):
      "sequence \(sequence) has \(tokens) tokens, but the model's \(key) is \(limit); shorten it (--max-tokens \(limit))"
    case .vocabularyMismatch(let tokenizer, let model, let folder):
      "\(folder): tokenizer.json has ids up to \(tokenizer - 1), but the model's vocabulary is \(model); "
        + "tokenizer and weights do not belong together"
    case .adapterTensor(let folder, let tensor, let problem):
      "\(folder): tensor \"\(tensor)\" of the adapter \(problem)"
    }
  }
}
