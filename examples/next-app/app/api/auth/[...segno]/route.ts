import { handlers } from "../../../../segno";

export const { GET, POST, PATCH, PUT, DELETE } = handlers;
