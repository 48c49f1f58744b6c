// Who asks alone, who waits, and who asks together.
import Testing

@testable import Gateway

struct QuestionTableTests {
  private typealias Table = QuestionTable<Int>
  private let key = Table.Key(key: [1], definitions: 7)

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
      table.enter(key, 1), table.enter(Table.Key(key: [2], definitions: 7), 2), table.enter(Table.Key(key: [1], definitions: 8), 3),
    ]
    #expect(!numbers.contains(nil))
    #expect(table.count == 3)
  }
}
