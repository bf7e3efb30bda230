import Foundation
import LinearAlgebra
import Testing

/// `optimizer.json`, written by `Scripts/fixtures/optimizer.py` with PyTorch, Transformers and PEFT.
struct OptimizerFixture: Decodable {
  struct AdamWCase: Decodable {
    let steps: Int
    let learningRate: Double
    let beta1: Double
    let beta2: Double
    let epsilon: Double
    let weightDecay: Double
    let parameters: [Float]
    let expAvg: [Float]
    let expAvgSq: [Float]
  }

  struct Training: Decodable {
    let samples: Int
    let steps: Int
    let warmup: Int
    let limit: Double
    let losses: [Double]
    let norms: [Double]
    let weight: [Float]
    let bias: [Float]
    let head: [Float]
  }

  struct Schedule: Decodable {
    let shape: String
    let warmup: Int
    let total: Int
    let factors: [Double]
  }

  struct Clipping: Decodable {
    let scale: Double
    let norm: Double
    let factor: Double
  }

  struct LowRank: Decodable {
    let rows: Int
    let inputs: Int
    let outputs: Int
    let rank: Int
    let scale: Double
    let y: [Double]
    let dx: [Double]
    let da: [Double]
    let db: [Double]
  }

  let adamw: [AdamWCase]
  let training: Training
  let schedules: [Schedule]
  let clipping: [Clipping]
  let lora: [LowRank]

  static func load() throws -> OptimizerFixture {
    let url = try #require(
      Bundle.module.url(forResource: "optimizer", withExtension: "json", subdirectory: "Fixtures"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(OptimizerFixture.self, from: Data(contentsOf: url))
  }
}

/// The inputs of the fixture, rebuilt from integers; see `fixture.py` for the formula.
func dyadics(_ stream: UInt64, _ t: Int, _ count: Int, scale: Double = 1) -> [Float] {
  (0..<count).map { i in
    var z = (stream << 48) &+ (UInt64(t) << 16) &+ UInt64(i) &+ 1
    for factor in [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93, 0xD6E8_FEB8_6659_FD93] as [UInt64] {
      z = z &* factor
      z ^= z >> 32
    }
    return Float((Double(z & 0xFFFF) - 32768) / 32768 * scale)
  }
}
