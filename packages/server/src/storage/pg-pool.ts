/** What Segno needs of a `pg` pool: an instance of `pg.Pool` fits, and so does anything of this shape. */
export interface PgPool {
  /** A connection, once one is free. */
  connect(): Promise<PgClient>;
  /** Closes all connections. Segno never calls it on a pool it was given. */
  end(): Promise<void>;
  /** Hears when an idle connection breaks. Without a listener, `pg` ends the process. */
  on?(event: "error", listener: (error: Error) => void): unknown;
}
/** A connection of the pool. */
export interface PgClient {
  /** Runs a statement that the server keeps under its name. */
  query(statement: PgStatement): Promise<PgResult>;
  /** Runs a statement. */
  query(text: string, values?: unknown[]): Promise<PgResult>;
  /** Gives the connection back, or closes it. */
  release(destroy?: boolean): void;
  /** Hears when the connection breaks. Without a listener, `pg` ends the process when it breaks during a statement. */
  on?(event: "error", listener: (error: Error) => void): unknown;
}
/** A statement that the server parses once per connection, or each time when it has no name. */
export interface PgStatement {
  readonly name?: string;
  readonly text: string;
  readonly values: unknown[];
}
/** What a statement answered. */
export interface PgResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: unknown[];
}
