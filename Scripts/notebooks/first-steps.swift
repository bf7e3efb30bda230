// First steps with RouterKit: load pairs, route them, look at a posterior.
//
//   Scripts/repl.sh Scripts/notebooks/first-steps.swift [DATASET-FOLDER]
//
// Line by line it works in the REPL too, which Scripts/repl.sh starts.
import Foundation
import RouterKit

// Without a folder a small synthetic world stands in: six models, each good at some of five kinds of task.
var worldGenerator = PhiloxGenerator(seed: 1, stream: "notebook-world")
let dataset =
  CommandLine.arguments.count > 1
  ? try PreferenceDataset(folder: URL(fileURLWithPath: CommandLine.arguments[1]))
  : SyntheticWorld(.init(pairs: 1000)).dataset(using: &worldGenerator)
print("\(dataset.pairs.count) pairs, \(dataset.correctness.disagreementSet.count) on which the models disagree")

// A context for each pair: hashed n-grams, projected to eight whitened coordinates and an intercept.
let encoded = HashedPairEncoder(dimension: 256).encode(dataset.pairs)
let transform = try ContextTransform(components: 8).fit(encoded)
let contexts = try transform.apply(encoded)

// A router with one Gaussian posterior a model.
var router = ThompsonSamplingRouter(
  armNames: dataset.rewardModels.map(\.name),
  priors: dataset.rewardModels.map { _ in transform.prior(variance: 0.25) })
var generator = PhiloxGenerator(seed: 1, stream: "notebook")
let correctness = dataset.correctness
var right = 0
for pair in generator.permutation(dataset.pairs.count) {
  let context = Array(contexts.row(pair))
  let decision = try router.select(context: context, using: &generator)
  let correct = correctness.isRight(arm: decision.arm, pair: pair)
  right += correct ? 1 : 0
  try router.observe(arm: decision.arm, context: context, reward: correct ? 1 : 0)
}
print(
  String(format: "routed to a right model on %.1f %% of the pairs", 100 * Double(right) / Double(dataset.pairs.count)))

// What the router believes about the first pair: expected correctness of each model, and how likely it is to be asked.
let first = Array(contexts.row(0))
var table = Table([
  .init("reward model"), .init("asked", .right), .init("mean", .right), .init("sd", .right), .init("P(asked)", .right),
])
for (arm, probability) in zip(router.arms, try router.winProbabilities(context: first)) {
  let prediction = arm.posterior.prediction(context: first)
  table.append([
    arm.name, String(arm.posterior.observationCount), String(format: "%.3f", prediction.mean),
    String(format: "%.3f", prediction.standardDeviation), String(format: "%.3f", probability),
  ])
}
print(table.terminal())
