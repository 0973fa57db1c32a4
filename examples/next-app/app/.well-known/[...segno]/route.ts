import { handlers } from "../../../segno";

export const { GET } = handlers;
