// Three studies without a command, ten lines each: a replay, a cross-validation, a training run.
//
//   Scripts/repl.sh Scripts/notebooks/studies.swift [DATASET-FOLDER]
//
// Line by line it works in the REPL too, which Scripts/repl.sh starts.
import Foundation
import RouterKit

// Without a folder a small SYNTHETIC world stands in: its accuracies say nothing about real reward models.
var generator = PhiloxGenerator(seed: 1, stream: "notebook-world")
let dataset =
  CommandLine.arguments.count > 1
  ? try PreferenceDataset(folder: URL(fileURLWithPath: CommandLine.arguments[1]))
  : SyntheticWorld(.init(pairs: 300)).dataset(using: &generator)
let encoder = HashedPairEncoder(dimension: 256)

print("== Replay: every method over the same stream of pairs\n")
var settings = ReplayConfiguration()
settings.seeds = 3
let replay = try await ReplayData(dataset, encoder: encoder, prior: .evidence(fraction: 0.3))
let study = try replay.study(configuration: settings)
let outcomes = try await study.run()
print(ReplayReport(study, outcomes, using: &generator).terminalTable.terminal())

print("\n== Cross-validation: what offline routing is worth on prompts that it was not fitted on\n")
var folds = CrossValidation.Configuration()
(folds.folds, folds.seeds) = (3, 1)
let contexts = encoder.encode(dataset.pairs)
let validation = try CrossValidation(dataset: dataset, contexts: contexts, configuration: folds)
let found = try validation.run([BestSinglePolicy(), BestOfDomainPolicy(), AdvantagePolicy(caution: 1)])
print(CrossValidationReport(found, dataset: dataset, using: &generator).table.terminal())

print("\n== Training: the paper's offline router, its heads on frozen features\n")
var training = RouterTraining()
training.training.epochs = 3
var trainer = try await training.prepare(dataset, encoder: .frozen(encoder)).trainer
while !trainer.isFinished { try trainer.runEpoch() }
for epoch in trainer.state.history {
  print("epoch \(epoch.epoch): loss", String(format: "%.4f, accuracy %.3f", epoch.loss.total, epoch.accuracy))
}
let router = trainer.router(encoder: encoder.name)
let trained = try ContextEncoder(encoder, head: .trained(router))
print("a context of the first pair has", try await trained.encode([dataset.pairs[0]]).columns, "coordinates")
