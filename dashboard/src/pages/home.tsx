/** Where one begins: the overview, or the first page that the role may see. */

import { Navigate } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { entriesOf } from "../frame/roles";
import { useSession } from "../hub/session";
import { Page } from "../parts/page";
import { TEXTS } from "../texts/texts";
import { Overview } from "./overview/overview";

export function Home(): ReactElement | null {
  const state = useSession();
  if (state.is !== "in") return null;
  const [first] = entriesOf(state.session.role);
  if (first === undefined) return <Page title={TEXTS.pages.overview} about={TEXTS.frame.notYours(state.session.role)} />;
  return first.to === "/" ? <Overview /> : <Navigate to={first.to} replace />;
}
