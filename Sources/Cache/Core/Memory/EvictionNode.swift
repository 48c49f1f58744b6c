// What the eviction queues ask of whatever they queue. The node carries its own links, so that queueing costs no memory beyond the node and
// a node leaves from the middle in one step. Who allocates and frees nodes is the owner's affair.

/// Which queue a node stands in.
enum EvictionPlace: UInt8, Sendable {
  /// In neither. May follow: any.
  case none
  /// On trial. May follow: `main` by its hits, `none`.
  case small
  /// Proved by hits. May follow: `none`.
  case main
}

/// A reference to one queued object. Copies are the same object; links and place are written by the queues alone.
protocol EvictionNode: Equatable, Sendable {
  /// The neighbour that entered the same queue later.
  var newer: Self? { get nonmutating set }
  /// The neighbour that entered the same queue earlier.
  var older: Self? { get nonmutating set }
  var place: EvictionPlace { get nonmutating set }
  /// What the object costs, in bytes; constant while it is queued.
  var bytes: Int { get }
  /// Hits since the queues last looked, 0 to 3. Others may raise it at any moment; a lost count does no harm.
  var frequency: UInt8 { get nonmutating set }
  /// Bits that name the object when it is gone: evenly spread, the same for the same key.
  var fingerprint: UInt64 { get }
  /// Whether somebody keeps the object's memory in use, so that evicting it would free nothing yet.
  var isHeld: Bool { get }
}
