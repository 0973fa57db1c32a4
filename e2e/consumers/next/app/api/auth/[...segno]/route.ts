import { handlers } from "../../../../segno";

export const { GET, POST, PATCH, DELETE } = handlers;
