import CommandSupport
import ArgumentParser
import CommandSupport
import Foundation
import RewardModelPools
import RouterKit

/// `bayesrouter collect`: the scores of a pool of reward models.
struct Collect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Score the pairs of a dataset with a pool of reward models.",
    discussion: """
      The pool is a YAML file:

        reward_models:
          - name: skywork-8b
            kind: vllm-classify            # vllm-pooling, tei, openrlhf, sglang
            url: http://127.0.0.1:8000
            template: checkpoints/skywork  # or messages (vLLM), or dialogue
            token_env: VLLM_TOKEN          # the variable with a bearer token
            price_per_1k_tokens: 0.02
            limits: {concurrency: 8, timeout_seconds: 60, retries: 4}
          - name: small
            kind: transformer              # a checkpoint, computed here
            path: checkpoints/small
          - name: internlm2-7b
            kind: recorded                 # a model of a dataset folder
            path: judgebench
            reward_model: internlm2-7b-reward

      template is the folder whose chat template makes the text; messages, the server's own template; or dialogue, the router's text. \
      Further keys: model, for servers; limits requests_per_second, tokens_per_minute and batch; precision and max_tokens of a \
      transformer; parameters and huggingface_id. Relative paths start at the pool file's folder.

      Models run concurrently, and scores are kept as they come: after a kill, or where a model failed some pairs, the same command \
      goes on from there and asks for nothing twice. Once all scores are there the folder is a dataset folder; until then the exit \
      status is not 0.

      EXAMPLES
        bayesrouter collect --data pairs-data --pool pool.yaml --out scored
        bayesrouter collect --data pairs-data --pool pool.yaml --out scored --json
      """)

  @Option(name: .long, help: "The dataset folder; pairs.jsonl is enough, and labels may be missing.")
  var data: String

  @Option(name: .long, help: "The pool file.")
  var pool: String

  @Option(name: .long, help: "The dataset folder to write, or one that an earlier run left unfinished.")
  var out: String

  @Option(name: .long, help: "Pairs that a model is asked about at once.")
  var chunk = 32

  @Option(name: .long, help: "Chunks that a server is asked about at one time.")
  var inFlight = 4

  @Flag(name: .long, help: "Print the report as one JSON object.")
  var json = false

  func validate() throws {
    guard chunk >= 1 else { throw ValidationError("--chunk is at least 1") }
    guard inFlight >= 1 else { throw ValidationError("--in-flight is at least 1") }
  }

  func run() async throws {
    let entries = try PoolFile(contentsOf: URL(fileURLWithPath: pool)).entries
    let pairs = try DatasetFolder.readPairs(URL(fileURLWithPath: data))
    let queue = ForwardQueue()
    let collection = try ScoreCollection(
      pairs, members: entries.map { ScoreCollection.Member($0, queue: queue, serverChunksInFlight: inFlight) },
      folder: URL(fileURLWithPath: out), chunkSize: chunk)
    describe(collection, all: pairs.count * entries.count)

    let progress = ProgressMeter(total: collection.missing)
    let report = try await collection.run(progress: { await progress.advance(by: $0) }, warn: tell)
    await progress.finish()
    print(json ? report.json(folder: out).text(pretty: true) : report.text)
    if !collection.isFinished, report.isComplete, !json { print("\nwrote \(out): \(pairs.count) pairs") }
    guard report.isComplete else {
      for model in report.models { if let failure = model.failureText(pairs: report.pairs) { tell(failure) } }
      tell("\(out) keeps the scores that are there; run the same command again to try the missing ones")
      throw ExitCode.failure
    }
  }

  private func describe(_ collection: ScoreCollection, all: Int) {
    if collection.isFinished {
      tell("\(out) holds scores of models of these names for these pairs: nothing to do")
      return
    }
    if collection.droppedBytes > 0 {
      tell("the last line of the journal was cut short by a crash: dropped its \(collection.droppedBytes) bytes")
    }
    if collection.missing < all { tell("\(all - collection.missing) of \(all) scores are there from an earlier run") }
  }

}

/// The progress bar, told by concurrent tasks; none where there is nothing to do.
private actor ProgressMeter {
  private var bar: ProgressBar?

  init(total: Int) {
    bar = total > 0 ? ProgressBar("collect", total: total, unit: "pairs x RMs") : nil
  }

  func advance(by count: Int) { bar?.advance(by: count) }
  func finish() { bar?.finish() }
}

extension CollectionReport {
  fileprivate var text: String {
    var table = Table(
      [.init("RM")]
        + ["scored", "reused", "failed", "calls", "tokens", "seconds", "cost"].map { .init($0, .right) })
    for model in models {
      let counts = [model.scored, model.reused, model.failed, model.usage.calls, model.usage.tokens].map { String($0) }
      table.append(
        [model.name] + counts + [String(format: "%.1f", model.usage.seconds), String(format: "%.4f", model.cost)])
    }
    return table.terminal()
  }

  fileprivate func json(folder: String) -> JSONValue {
    let models = models.map { model -> JSONValue in
      var object: JSONObject = [
        "name": .string(model.name), "scored": .integer(model.scored), "reused": .integer(model.reused),
        "failed": .integer(model.failed), "calls": .integer(model.usage.calls),
        "tokens": .integer(model.usage.tokens), "seconds": .number(model.usage.seconds), "cost": .number(model.cost),
      ]
      if let failure = model.firstFailure {
        object.append(
          "first_failure", .object(["id": .string(failure.pairID), "message": .string(failure.message)]))
      }
      return .object(object)
    }
    return .object([
      "folder": .string(folder), "complete": .boolean(isComplete), "pairs": .integer(pairs),
      "reward_models": .array(models),
    ])
  }
}

extension CollectionReport.Model {
  fileprivate func failureText(pairs: Int) -> String? {
    firstFailure.map {
      "'\(name)' failed \(failed) of \(pairs) pairs, the first is '\($0.pairID)': \($0.message)"
    }
  }
}
