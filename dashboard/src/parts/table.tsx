/** A table of a list; on a phone each row is a card. */

import { Fragment, type ReactElement, type ReactNode } from "react";

export interface Column<R> {
  readonly name: string;
  /** Whether its name is for those only who do not see the table. */
  readonly isUnseen?: boolean;
  readonly isNumber?: boolean;
  readonly cell: (row: R) => ReactNode;
}

/** What stands below a row that is open. */
export interface Below {
  readonly id: string;
  readonly content: ReactNode;
}

interface Facts<R> {
  readonly rows: readonly R[];
  readonly columns: readonly Column<R>[];
  readonly keyOf: (row: R) => string | number;
  /** Whether a row itself takes the focus of j and k: where nothing in it does. */
  readonly areRowsStops?: boolean;
  readonly below?: (row: R) => Below | undefined;
}

export function Table<R>({ rows, columns, keyOf, areRowsStops = false, below }: Facts<R>): ReactElement {
  const stop = areRowsStops ? { "data-row": true, tabIndex: -1 } : {};
  return (
    <table className="list">
      <thead>
        <tr>
          {columns.map(({ name, isUnseen }) => (
            <th key={name} scope="col">
              {isUnseen === true ? <span className="unseen">{name}</span> : name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const open = below?.(row);
          return (
            <Fragment key={keyOf(row)}>
              <tr {...stop}>
                {columns.map(({ name, isUnseen, isNumber, cell }) => (
                  <td key={name} data-label={isUnseen === true ? undefined : name} className={isNumber === true ? "number" : undefined}>
                    {cell(row)}
                  </td>
                ))}
              </tr>
              {open === undefined ? null : (
                <tr id={open.id}>
                  <td colSpan={columns.length}>{open.content}</td>
                </tr>
              )}
            </Fragment>
          );
        })}
      </tbody>
    </table>
  );
}
