import Foundation
import Storage
import Testing

@Suite struct JournalTests {
  private func open(_ file: URL) throws -> Journal {
    try #require(try Journal.lock(file))
  }

  @Test func linesAreThereAfterReopening() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a/b/journal")
      for line in ["one\n", "two\nthree\n"] { try open(file).append(Array(line.utf8)) }
      #expect(try text(file) == "one\ntwo\nthree\n")
      let (lines, dropped) = try open(file).recover()
      #expect(lines == Array("one\ntwo\nthree\n".utf8) && dropped == 0)
    }
  }

  @Test(arguments: ["", "ä", "{\"id\": 1}", "\0\0\0"]) func aCutLineIsRemovedBeforeMoreIsAdded(cut: String) throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("journal")
      try Data(("one\n" + cut).utf8).write(to: file)
      let journal = try open(file)
      let (lines, dropped) = try journal.recover()
      #expect(lines == Array("one\n".utf8) && dropped == cut.utf8.count)
      try journal.append(Array("two\n".utf8))
      #expect(try text(file) == "one\ntwo\n")
    }
  }

  @Test func aFileWithoutAnyLineEndIsEmptied() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("journal")
      try Data("half".utf8).write(to: file)
      #expect(try open(file).recover().lines.isEmpty)
      #expect(try text(file) == "")
    }
  }

  @Test func oneHasTheLockAtATime() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("journal")
      do {
        let first = try open(file)
        #expect(try Journal.lock(file) == nil)
        try first.append(Array("line\n".utf8))
      }
      #expect(try open(file).recover().lines == Array("line\n".utf8))
    }
  }

  @Test func aFolderIsNoJournal() throws {
    try withTemporaryFolder { folder in
      let error = try #require(throws: StorageError.self) { try Journal.lock(folder) }
      #expect(error.description.contains(folder.path))
    }
  }

  @Test func removingFlushesAndForgivesAMissingFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("file")
      try Data().write(to: file)
      try AtomicFile.remove(file)
      try AtomicFile.remove(file)
      #expect(try names(in: folder).isEmpty)
      #expect(throws: StorageError.self) { try AtomicFile.remove(folder) }
    }
  }
}
