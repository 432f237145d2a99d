import type { Database, Statement, Transaction } from "better-sqlite3";

const statements = new WeakMap<Database, Map<string, Statement<unknown[], unknown>>>();

/**
 * The statement for `sql`, compiled once per connection.
 * For projections, which get the connection with each entry: compiling anew for each of a million replayed entries
 * takes three times as long and leaves its native memory to the garbage collector's leisure.
 * @param sql a constant text, never built from data. A statement that is asked often and sorts, groups or unites writes
 * `= +?`, and every such one `LIMIT +?`: there SQLite's planner looks at what a bare parameter is bound to and marks the
 * statement as compiled for this value, and better-sqlite3 clears the bindings after each call, which expires it. So it is
 * compiled anew at each call, which takes ten times as long as the look-up. A sign before the parameter changes nothing
 * else. Source: sqlite3.c, `whereLoopOutputAdjust`, `sqlite3ExprIsInteger`, `sqlite3_clear_bindings` (3.54).
 */
export function prepared<Parameters extends unknown[], Row = unknown>(
  db: Database,
  sql: string,
): Statement<Parameters, Row> {
  let known = statements.get(db);
  if (known === undefined) {
    known = new Map();
    statements.set(db, known);
  }
  let statement = known.get(sql);
  if (statement === undefined) {
    statement = db.prepare<unknown[], unknown>(sql);
    known.set(sql, statement);
  }
  return statement as Statement<Parameters, Row>;
}

const transactions = new WeakMap<Database, Transaction<(work: () => unknown) => unknown>>();

/**
 * Runs `work` in a transaction that takes the write lock at its beginning, or in a savepoint of the one under way.
 * The wrapper is made once per connection: `db.transaction` makes four functions with five properties each at every
 * call, and a charge takes a dozen transactions and savepoints until the cloud has it.
 */
export function immediately<T>(db: Database, work: () => T): T {
  let transaction = transactions.get(db);
  if (transaction === undefined) {
    transaction = db.transaction((inner: () => unknown) => inner());
    transactions.set(db, transaction);
  }
  return transaction.immediate(work) as T;
}
