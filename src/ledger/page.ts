/** Bytes of a page of the database and of its log. */
export const PAGE = 8192;
