import Foundation
import LinearAlgebra
import Storage

/// What a checkpoint folder holds, and whether it loads as a `TransformerModel`, found without reading its weights.
///
/// Nothing is thrown: what is wrong becomes an entry of `problems`, and whatever else can be known stands beside it. The
/// settings, shapes and types are held against the list by which the loaders read.
public struct CheckpointSummary: Sendable {
  public struct Tensor: Sendable, Equatable {
    public let name: String
    public let dtype: Safetensors.DType
    /// Extents, outermost first.
    public let shape: [Int]
    public let byteCount: Int
    /// The name of the file that holds it.
    public let file: String
    /// Whether the layers read it.
    public let isRead: Bool
  }

  /// Something that keeps the model from loading; `text` is the error of loading.
  public struct Problem: Sendable, Equatable {
    public enum Kind: String, Sendable {
      /// Files that are missing, damaged, or contradict each other.
      case files
      /// A setting of config.json or modules.json that is missing, wrong, or not built.
      case setting
      case missingTensor
      /// A tensor of another shape than the settings ask for, or of values that are not read.
      case misshapenTensor
      /// NaN or an infinity among the weights.
      case notFinite
    }
    public let kind: Kind
    public let text: String
  }

  /// A tensor that no layer reads.
  public struct UnreadTensor: Sendable, Equatable {
    public let name: String
    /// Why that is as it should be; nil where the settings and the tensors do not go together as it seems.
    public let reason: String?
  }

  /// Numbers in tensors that the layers read.
  public struct ParameterCounts: Sendable, Equatable {
    /// The parameters of token embeddings; for BERT also those of positions and types, with their norm.
    public let embedding: Int
    public let layers: Int
    /// The final norm and the heads.
    public let other: Int
    public var total: Int { embedding + layers + other }
  }

  public let folder: URL
  /// `config.json` as it stands; nil where it cannot be read.
  public let settings: JSONObject?
  /// The settings as understood, those that are not built left out; nil where the layers do not follow from them.
  public let configuration: TransformerConfiguration?
  public let pooling: Pooling?
  /// The names of the files of weights.
  public let files: [String]
  /// Sorted by name.
  public let tensors: [Tensor]
  public let problems: [Problem]
  /// What is odd but does not keep the model from loading.
  public let warnings: [String]
  public let unread: [UnreadTensor]
  /// The numbers of parameters; nil where `configuration` is.
  public let parameters: ParameterCounts?
  /// The largest id of `tokenizer.json` + 1; nil without that file, or where it cannot be read.
  public let tokenizerSize: Int?
  /// Whether the values were looked at.
  public let checkedValues: Bool
  private let packings: [CheckpointLayout.Packing]

  /// Whether `TransformerModel(folder:)` gives a model. Unless `checkedValues`, NaN and infinities are not excluded.
  public var loads: Bool { problems.isEmpty }

  /// - Parameters:
  ///   - folder: as Hugging Face lays it out.
  ///   - checkingValues: also looks for NaN and infinities, which reads all tensors.
  /// - Complexity: linear in the header of the weights and in `tokenizer.json`; in all bytes with `checkingValues`.
  public init(folder: URL, checkingValues: Bool = false) {
    self.folder = folder
    checkedValues = checkingValues
    let survey = ConfigurationSurvey(folder: folder)
    settings = survey.settings
    pooling = survey.pooling
    let weights = WeightFiles(folder: folder)
    files = weights.files.map { ($0.file.path as NSString).lastPathComponent }
    var problems = survey.problems + weights.problems
    var warnings: [String] = []

    let layout = survey.configuration.map { CheckpointLayout($0, found: weights.tensors.mapValues(\.shape)) }
    configuration = layout?.configuration
    var counts: [CheckpointLayout.Part: Int] = [:]
    for need in layout?.needs ?? [] where !weights.files.isEmpty {
      do {
        guard let tensor = weights.tensors[need.name] else {
          throw StorageError.missingTensor(name: weights.name, tensor: need.name)
        }
        counts[need.part, default: 0] += tensor.count
        try need.check(tensor, folder: folder.path)
      } catch {
        problems.append(Problem(error))
      }
    }
    parameters = layout.map { _ in
      ParameterCounts(
        embedding: counts[.embedding] ?? 0, layers: counts[.layers] ?? 0, other: counts[.other] ?? 0)
    }
    packings = layout?.packings ?? []
    tensors = weights.tensors.values.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }.map {
      Tensor(
        name: $0.name, dtype: $0.dtype, shape: $0.shape, byteCount: $0.bytes.count,
        file: ($0.bytes.file.path as NSString).lastPathComponent, isRead: layout?[$0.name] != nil)
    }
    if let configuration, let layout {
      unread = tensors.filter { !$0.isRead }.map {
        UnreadTensor(name: $0.name, reason: Self.reason($0.name, configuration, prefix: layout.prefix))
      }
    } else {
      unread = []
    }
    if checkingValues {
      for tensor in tensors {
        guard let mapped = weights.tensors[tensor.name], let found = try? mapped.firstNonFinite() else { continue }
        mapped.bytes.release()
        let error = TransformersError.notFinite(
          file: folder.path, tensor: tensor.name, index: found.index, value: "\(found.value)")
        if tensor.isRead { problems.append(Problem(error)) } else { warnings.append("\(error)") }
      }
    }
    (tokenizerSize, warnings) = Self.tokenizer(folder, configuration, warnings)
    self.problems = problems
    self.warnings = warnings
  }

  /// Bytes of the packed weights of a loaded model, as `TransformerModel.weightByteCount`; nil unless all of them are
  /// there in their shapes. Embeddings stay in the file.
  public func weightByteCount(_ precision: Precision) -> Int? {
    guard !packings.isEmpty, hasAllMatrices else { return nil }
    return packings.reduce(0) { sum, packing in
      let outputs = packing.weights.reduce(0) { $0 + $1.shape[0] }
      return sum + PackedMatrix.byteCount(outputs: outputs, inputs: packing.inputs, precision: precision)
    }
  }

  /// Bytes of the scratch that a batch takes; nil as `weightByteCount`.
  public func scratchByteCount(_ precision: Precision, tokens: Int, longest: Int, workers: Int) -> Int? {
    guard let configuration, hasAllMatrices else { return nil }
    return ForwardScratch.byteCount(
      configuration, tokens: tokens, longest: longest, workers: workers, precision: precision)
  }

  /// Sizes that no file confirms could be absurd, and their products overflow.
  private var hasAllMatrices: Bool {
    var shapes: [String: [Int]] = [:]
    for tensor in tensors { shapes[tensor.name] = tensor.shape }
    return packings.allSatisfy { $0.weights.allSatisfy { shapes[$0.name] == $0.shape } }
      && packings.count == 4 * (configuration?.numHiddenLayers ?? 0)
  }
}

extension CheckpointSummary.Problem {
  init(_ error: any Error) {
    text = "\(error)"
    switch error {
    case TransformersError.shape: kind = .misshapenTensor
    case TransformersError.notFinite: kind = .notFinite
    case TransformersError.setting, StorageError.missingField, StorageError.mistypedField, StorageError.notAnObject:
      kind = .setting
    case StorageError.missingTensor: kind = .missingTensor
    case StorageError.unusableTensor: kind = .misshapenTensor
    default: kind = .files
    }
  }
}
