/// What a scaling run would take with large reward models on accelerators. A PROJECTION, computed from measured counts and a
/// stated model of the work; nothing here was run.
///
///     seconds of a transformer   = 2 parameters tokens / (peak operations a second x utilisation)
///     seconds of a pair          = calls x seconds(reward model, tokens of a call) + seconds(encoder) + routing + update
///
/// Tokens and calls are the measured ones, routing and update the measured seconds of this machine's CPU. Attention's quadratic
/// part, transfers and batching effects are left out.
public struct CostProjection: Sendable, Codable, Equatable {
  /// Parameters of each reward model, and of the encoder.
  public var rewardModelParameters = 7.5e9
  public var encoderParameters = 1.35e8
  /// Peak operations a second of one accelerator (an A100's dense bfloat16), and the share of it that is reached.
  public var peakOperations = 312e12
  public var utilization = 0.4

  public init() {}

  public struct Row: Sendable, Codable, Equatable {
    public let method: ScalingMethod
    public let rms: Int
    public let secondsPerPair: Double
    /// The encoder's part of these seconds, and the parts of routing and update.
    public let encoderSecondsPerPair: Double
    public let routingSecondsPerPair: Double

    enum CodingKeys: String, CodingKey {
      case method, rms
      case secondsPerPair = "seconds_per_pair"
      case encoderSecondsPerPair = "encoder_seconds_per_pair"
      case routingSecondsPerPair = "routing_seconds_per_pair"
    }
  }

  /// Seconds of one forward pass over `tokens`.
  public func seconds(parameters: Double, tokens: Double) -> Double {
    2 * parameters * tokens / (peakOperations * utilization)
  }

  /// The encoder reads what one reward model reads: both responses with their prompt.
  public func row(_ measured: ScalingRow) -> Row {
    let tokens = Double(measured.rmTokens) / Double(measured.pairs)
    let encoder =
      measured.method.needsEncoder
      ? seconds(parameters: encoderParameters, tokens: tokens / measured.rmCallsPerPair) : 0
    let routing = measured.perPair(measured.routingSeconds + measured.updateSeconds)
    return Row(
      method: measured.method, rms: measured.rms,
      secondsPerPair: seconds(parameters: rewardModelParameters, tokens: tokens) + encoder + routing,
      encoderSecondsPerPair: encoder, routingSecondsPerPair: routing)
  }

  enum CodingKeys: String, CodingKey {
    case utilization
    case rewardModelParameters = "reward_model_parameters"
    case encoderParameters = "encoder_parameters"
    case peakOperations = "peak_operations"
  }
}
