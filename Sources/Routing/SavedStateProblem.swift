import NeuralNetwork

/// Why a saved router or training run cannot be used: it does not fit what it is loaded for, or is damaged.
public enum SavedStateProblem: Sendable, Equatable, CustomStringConvertible {
  /// What a JSON file is to describe.
  public enum Content: String, Sendable {
    case router = "the manifest of a router"
    case offlineRouter = "the manifest of an offline router"
    case trainingRun = "the state of a training run"
    case calibration = "a calibration of reward models"
  }

  /// What a router takes from its encoder.
  public enum EncoderOutput: String, Sendable {
    case contexts
    case features
  }

  // MARK: A folder of another kind

  /// The folder holds no offline router.
  case noOfflineRouter
  /// A training run is to be resumed where there is none.
  case noTrainingRun
  /// Another process has locked the folder of a training run.
  case trainedElsewhere
  /// The file does not say which settings the training run has.
  case noTrainingSettings
  /// The file does not describe what it is to describe.
  case notADescription(of: Content, ManifestProblem)
  /// The metadata `key` of the file does not describe a context transform.
  case noContextTransform(key: String)
  /// The format is older or newer than the one that is read.
  case formatVersion(found: Int, readable: Int)

  /// The state is of a kind of router that is not known here.
  case unknownKind(found: String, known: [String])

  // MARK: A state of something else

  /// The state has other reward models than expected, or the same in another order.
  case otherRewardModels(found: [String], expected: [String])
  /// A calibration lacks reward models that it must have, or has others.
  case otherCalibration(missing: [String], surplus: [String])
  /// The state has more or fewer reward models than there are names for.
  case rewardModelCount(found: Int, expected: Int)
  /// The state was made behind another encoder.
  case otherEncoder(of: EncoderOutput, found: String, expected: String)
  /// The training run was started with other settings.
  case otherSettings([SettingDifference])
  /// The optimizer's state does not fit the parameters.
  case optimizer(NeuralNetworkError)

  // MARK: Contradictions

  /// Epochs and steps of a training run do not add up.
  case contradictoryPosition
  /// The weights have other sizes than those that are trained.
  case otherWeightSizes
  /// The manifest's sizes are not those of the file `tensors` beside it.
  case otherSizes(tensors: String)
  /// The manifest's names, counts, dimension and configuration describe no router.
  case noRouter
  /// The router takes contexts of another size than its transform gives.
  case contextSize(router: Int, transform: Int)
  /// The metadata `key` holds a size or a variance that is zero, negative or infinite.
  case notPositive(key: String)

  // MARK: Tensors

  /// Tensors that must have two dimensions have more or fewer, or no elements.
  case notMatrices([String])
  /// A tensor has another shape than expected; a dimension that may have any size is nil.
  case tensorShape(tensor: String, found: [Int], expected: [Int?])
  /// Some element of a tensor is NaN or an infinity.
  case notFinite(tensor: String)
  /// The element of a tensor at `index` is NaN or an infinity, as `value` says.
  case notFiniteElement(tensor: String, index: Int, value: String)
  /// The tensors whose names begin with `prefix` are no posterior.
  case notAPosterior(prefix: String)
}

extension SavedStateProblem {
  public var description: String {
    switch self {
    case .noOfflineRouter:
      "there is no offline router; name a folder that bayesrouter train has made"
    case .noTrainingRun:
      "there is no run to resume; leave --resume away"
    case .trainedElsewhere:
      "another process is training here"
    case .noTrainingSettings:
      "it names no settings of a training run; train anew into another folder"
    case .notADescription(let content, let problem):
      "it is not \(content.rawValue): \(problem)"
    case .noContextTransform(let key):
      "it does not describe a context transform in its metadata '\(key)'"
    case .formatVersion(let found, let readable):
      "it has format \(found), and format \(readable) is what can be read"

    case .unknownKind(let found, let known):
      "it is a router of kind '\(found)'; known are \(known.joined(separator: ", "))"

    case .otherRewardModels(let found, let expected):
      (found.sorted() == expected.sorted()
        ? "it has these reward models in another order: " : "it routes other reward models: ")
        + "\(found.joined(separator: ", ")), not \(expected.joined(separator: ", "))"
    case .otherCalibration(let missing, let surplus):
      "it calibrates other reward models"
        + (missing.isEmpty ? "" : "; it lacks \(missing.joined(separator: ", "))")
        + (surplus.isEmpty ? "" : "; it has \(surplus.joined(separator: ", ")) besides")
        + ": calibrate on data of the same models"
    case .rewardModelCount(let found, let expected):
      "it routes \(found) reward models, not \(expected)"
    case .otherEncoder(let output, let found, let expected):
      "its \(output.rawValue) come from encoder '\(found)', not '\(expected)'"
    case .otherSettings(let differences):
      "the run was started with other settings: \(differences.map(\.description).joined(separator: "; ")); "
        + "resume it with the old ones, or train anew into another folder"
    case .optimizer(let error):
      error.description

    case .contradictoryPosition:
      "its parts do not fit each other; the folder is damaged"
    case .otherWeightSizes:
      "its weights have other sizes than this run's; the folder is damaged"
    case .otherSizes(let tensors):
      "its sizes are not those of \(tensors); the folder is damaged"
    case .noRouter:
      "names, counts, dimension or configuration make no router; the file is damaged"
    case .contextSize(let router, let transform):
      "it takes contexts of \(router), but its transform gives \(transform)"
    case .notPositive(let key):
      "its metadata '\(key)' holds a size or variance that is not positive"

    case .notMatrices(let names):
      "\(names.map { "'\($0)'" }.joined(separator: " and ")) are not matrices"
    case .tensorShape(let tensor, let found, let expected):
      "tensor '\(tensor)' has shape \(found), not [\(expected.map { $0.map(String.init) ?? "any" }.joined(separator: ", "))]"
    case .notFinite(let tensor):
      "tensor '\(tensor)' holds NaN or an infinity"
    case .notFiniteElement(let tensor, let index, let value):
      "tensor '\(tensor)' is \(value) at index \(index)"
    case .notAPosterior(let prefix):
      "'\(prefix)…' is not a posterior; the file is damaged"
    }
  }
}

/// A setting in which a training run differs from the one that is to go on; nil where a run does not have the setting.
public struct SettingDifference: Sendable, Equatable, CustomStringConvertible {
  public let name: String
  public let saved: String?
  public let current: String?

  public init(name: String, saved: String?, current: String?) {
    self.name = name
    self.saved = saved
    self.current = current
  }

  public var description: String { "\(name) was \(saved ?? "not set") and is \(current ?? "not set")" }
}

/// Why a JSON file cannot be decoded as the values that it is to hold. An `explanation` is the decoder's own text.
public enum ManifestProblem: Sendable, Equatable, CustomStringConvertible {
  /// A field is not there.
  case missingField(String)
  /// A field holds something else than expected; `path` leads to it, its names separated by dots.
  case field(path: String, explanation: String)
  /// The file is no JSON, or a value in it contradicts itself.
  case unreadable(explanation: String)

  public init(_ error: DecodingError) {
    self =
      switch error {
      case .keyNotFound(let key, _): .missingField(key.stringValue)
      case .typeMismatch(_, let context), .valueNotFound(_, let context):
        .field(
          path: context.codingPath.map(\.stringValue).joined(separator: "."), explanation: context.debugDescription)
      case .dataCorrupted(let context): .unreadable(explanation: context.debugDescription)
      @unknown default: .unreadable(explanation: "\(error)")
      }
  }

  public var description: String {
    switch self {
    case .missingField(let name): "field '\(name)' is missing"
    case .field(let path, let explanation): "field '\(path)': \(explanation)"
    case .unreadable(let explanation): explanation
    }
  }
}
