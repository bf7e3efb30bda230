import Dialogues
import Foundation
import LinearAlgebra
import RewardModels
import Storage

/// A reward model as a pool file describes it; see `PoolFile` for the format.
public struct PoolEntry: Hashable, Sendable {
  /// Where the scores come from.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// A Hugging Face checkpoint, computed here.
    case transformer
    /// An arm of a dataset folder.
    case recorded
    case vllmClassify = "vllm-classify"
    case vllmPooling = "vllm-pooling"
    case tei
    case openRLHF = "openrlhf"
    case sglang

    public var isServer: Bool { self != .transformer && self != .recorded }
  }

  /// What only entries of some kinds have.
  public enum Source: Hashable, Sendable {
    case transformer(checkpoint: URL, format: TextFormat.Kind, precision: Precision, maxTokens: Int?)
    case recorded(folder: URL, rewardModel: String)
    case server(Server)
  }

  public struct Server: Hashable, Sendable {
    public let url: URL
    /// The name by which the server knows the model.
    public let model: String?
    /// What makes the text that the server scores; nil where it is sent messages and has the template itself.
    public let format: TextFormat.Source?
    /// The environment variable that holds the bearer token; it was set when the file was read.
    public let tokenVariable: String?
    public let limits: Limits
  }

  /// What a server may be asked; nil where the file leaves it open. All are positive, `retries` may be 0.
  public struct Limits: Hashable, Sendable {
    /// Requests under way at one time.
    public let concurrency: Int?
    public let requestsPerSecond: Double?
    public let tokensPerMinute: Int?
    /// The longest time that one request may take.
    public let timeoutSeconds: Double?
    /// Further tries after the first one fails.
    public let retries: Int?
    /// Texts of one request.
    public let batch: Int?
  }

  /// What pool files call the published router's format, and turns that are sent as they are.
  static let routerFormat = "dialogue"
  static let messagesFormat = "messages"

  public let name: String
  public let kind: Kind
  public let source: Source
  /// The price in any currency; 0 where the file gives none.
  public let pricePerThousandTokens: Double
  /// Number of parameters.
  public let parameters: Double?
  public let huggingFaceID: String?
  /// Where the entry stands, for error texts.
  public let place: FilePlace
}
