// Who asks alone, who waits, and who asks together.
import Testing

@testable import Gateway

struct QuestionTableTests {
  private typealias Table = QuestionTable<Int>
  private let key = Table.Key(key: [1], definitions: 7, keyHash: 9)

  @Test func theFirstAsksAndTheOthersWaitForIt() {
    var table = Table()
    let number = table.enter(key, 1)
    let later = [table.enter(key, 2), table.enter(key, 3)]
    #expect(number != nil)
    #expect(later == [nil, nil])
    #expect(table.isAwaited(key, number!))
    let next = table.release(key, number!)
    #expect(next?.askers == [2, 3])
    #expect(table.count == 1)
  }

  @Test func thoseWhoComeWhileOthersAskTogetherWaitForThose() {
    var table = Table()
    let number = table.enter(key, 1)!
    _ = table.enter(key, 2)
    let together = table.release(key, number)!
    let third = table.enter(key, 3)
    #expect(third == nil)
    #expect(table.isAwaited(key, together.number))
    let after = table.release(key, together.number)
    #expect(after?.askers == [3])
  }

  @Test func aQuestionThatNobodyWaitsForLeavesNothingBehind() {
    var table = Table()
    let number = table.enter(key, 1)!
    let released = table.release(key, number)
    #expect(released == nil)
    #expect(table.count == 0)
    let again = table.enter(key, 2)
    #expect(again != nil)
  }

  @Test func aQuestionEndsOnce() {
    var table = Table()
    let number = table.enter(key, 1)!
    _ = table.enter(key, 2)
    let next = table.release(key, number)!
    _ = table.enter(key, 3)
    let late = table.release(key, number)
    #expect(late == nil)
    #expect(table.isAwaited(key, next.number))
    #expect(!table.isAwaited(key, number))
  }

  @Test func otherKeysAndOtherDefinitionsAreOtherQuestions() {
    var table = Table()
    let numbers = [
      table.enter(key, 1), table.enter(Table.Key(key: [2], definitions: 7, keyHash: 9), 2),
      table.enter(Table.Key(key: [1], definitions: 8, keyHash: 9), 3),
    ]
    #expect(!numbers.contains(nil))
    #expect(table.count == 3)
  }
}

struct DelayLineTests {
  @Test func eachIsDueAfterTheSameDelayInItsTurn() {
    var line = DelayLine<Int>(delay: 10)
    for i in 0..<1_000 { line.append(i, now: UInt64(i)) }
    var taken: [Int] = []
    for now in UInt64(0)..<2_000 {
      while let element = line.pop(now: now) {
        #expect(now == UInt64(element) + 10)
        taken.append(element)
      }
      if now == 500 { #expect(line.due == 501) }
    }
    #expect(taken == Array(0..<1_000))
    #expect(line.isEmpty)
    #expect(line.due == nil)
  }

  @Test func whatIsAddedWhileOthersAreTakenComesBehindThem() {
    var line = DelayLine<Int>(delay: 1)
    line.append(1, now: 0)
    line.append(2, now: 0)
    let first = line.pop(now: 1)
    line.append(3, now: 1)
    let (second, third, last) = (line.pop(now: 1), line.pop(now: 1), line.pop(now: 2))
    #expect([first, second, third, last] == [1, 2, nil, 3])
  }
}
