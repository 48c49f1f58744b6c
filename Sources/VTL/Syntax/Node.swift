// Owns: a compiled template's shape: what stands between its texts, with every name already turned into a place and every method into a
// number. Immutable, so that threads share it.

/// Nodes that render one after the other.
final class Block: Sendable {
  let nodes: [Node]

  init(_ nodes: [Node]) { self.nodes = nodes }
}

enum Node: Sendable {
  case text(ArraySlice<UInt8>)
  case reference(Reference)
  case assign(Reference, Expression)
  case branch(Branch)
  case each(Loop)
  case call(MacroCall)
  case define(Variable, Block)
  case evaluate(Evaluation)
  /// `#break`: ends the innermost loop, or the template where there is none.
  case leave
  /// `#stop`: ends the template.
  case stop
}

/// Where a name's value is kept.
enum Variable: Sendable {
  /// Of the template.
  case slot(Int)
  /// A parameter of the macro around it.
  case local(Int)
}

final class Branch: Sendable {
  struct Arm: Sendable {
    let condition: Expression
    let body: Block
  }

  let arms: [Arm]
  let otherwise: Block?

  init(arms: [Arm], otherwise: Block?) {
    self.arms = arms
    self.otherwise = otherwise
  }
}

final class Loop: Sendable {
  let variable: Variable
  let items: Expression
  let body: Block
  let offset: Int

  init(variable: Variable, items: Expression, body: Block, offset: Int) {
    self.variable = variable
    self.items = items
    self.body = body
    self.offset = offset
  }
}

final class MacroCall: Sendable {
  let macro: Int
  let arguments: [Expression]
  /// Between `#@name` and its #end: the macro's `$bodyContent`.
  let content: Block?
  let offset: Int

  init(macro: Int, arguments: [Expression], content: Block?, offset: Int) {
    self.macro = macro
    self.arguments = arguments
    self.content = content
    self.offset = offset
  }
}

/// What `#macro` has defined.
final class Macro: Sendable {
  struct Parameter: Sendable {
    let name: ArraySlice<UInt8>
    let standard: Expression?
  }

  /// The last one is `bodyContent`.
  let parameters: [Parameter]
  let body: Block

  init(parameters: [Parameter], body: Block) {
    self.parameters = parameters
    self.body = body
  }
}

final class Evaluation: Sendable {
  let text: Expression
  /// The parameters of the macro around it, by which names in the text are found.
  let locals: [ArraySlice<UInt8>: Int]
  let offset: Int

  init(text: Expression, locals: [ArraySlice<UInt8>: Int], offset: Int) {
    self.text = text
    self.locals = locals
    self.offset = offset
  }
}

/// `$name.step[step]`, in any of its notations.
final class Reference: Sendable {
  let variable: Variable
  let steps: [Step]
  /// As it stands in the template, without backslashes.
  let literal: ArraySlice<UInt8>
  /// `$!name`.
  let isQuiet: Bool
  /// Backslashes in front, of which each two stand for one; an odd one makes the reference print as it is written.
  let backslashes: Int
  /// Behind `|`, for when there is no value.
  let alternate: Expression?
  /// The variable of `$context` that the first steps name, and how many steps it takes.
  let contextKey: (key: ContextKey, steps: Int)?
  let offset: Int

  init(
    variable: Variable, steps: [Step], literal: ArraySlice<UInt8>, isQuiet: Bool, backslashes: Int, alternate: Expression?,
    contextKey: (key: ContextKey, steps: Int)?, offset: Int
  ) {
    self.variable = variable
    self.steps = steps
    self.literal = literal
    self.isQuiet = isQuiet
    self.backslashes = backslashes
    self.alternate = alternate
    self.contextKey = contextKey
    self.offset = offset
  }
}

enum Step: Sendable {
  case property(ArraySlice<UInt8>)
  case index(Expression)
  case call(Call)
}

final class Call: Sendable {
  /// What can be made of a literal argument before any request comes.
  enum Prepared: Sendable {
    case nothing
    case path(JSONPath)
    case regex(JavaRegex)
  }

  /// nil where no class of ours has a method of that name.
  let method: Method?
  let name: ArraySlice<UInt8>
  let arguments: [Expression]
  let prepared: Prepared
  let offset: Int

  init(method: Method?, name: ArraySlice<UInt8>, arguments: [Expression], prepared: Prepared, offset: Int) {
    self.method = method
    self.name = name
    self.arguments = arguments
    self.prepared = prepared
    self.offset = offset
  }
}

indirect enum Expression: Sendable {
  case text(ArraySlice<UInt8>)
  case integer(Int64)
  case double(Double)
  /// A number beyond 64 bits.
  case number(ArraySlice<UInt8>)
  case bool(Bool)
  case reference(Reference)
  case interpolated(Block)
  case list([Expression])
  case range(Expression, Expression, offset: Int)
  case map([(name: Expression, value: Expression)])
  case not(Expression)
  case negate(Expression)
  case and(Expression, Expression)
  case or(Expression, Expression)
  case binary(Operator, Expression, Expression)
}

enum Operator: Sendable {
  case add, subtract, multiply, divide, remainder
  case equal, unequal, less, lessOrEqual, greater, greaterOrEqual
}

/// Names and the slots of their values. The service's own come first.
struct NameTable: Sendable {
  private(set) var slots: [ArraySlice<UInt8>: Int] = [:]

  static let input = 0
  static let util = 1
  static let context = 2
  static let stageVariables = 3
  static let foreach = 4
  static let velocityCount = 5
  static let velocityHasNext = 6

  init() {
    for name in ["input", "util", "context", "stageVariables", "foreach", "velocityCount", "velocityHasNext"] {
      _ = slot(Array(name.utf8)[...])
    }
  }

  var count: Int { slots.count }

  mutating func slot(_ name: ArraySlice<UInt8>) -> Int {
    if let slot = slots[name] { return slot }
    slots[name] = slots.count
    return slots.count - 1
  }
}
