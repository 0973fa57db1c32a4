/** Languages of mails and pages. */
export type Locale = "en" | "de";

/** The first language we have of a tag such as `de-CH` or an Accept-Language header; else English. */
export function pickLocale(...wishes: readonly (string | null | undefined)[]): Locale {
  for (const wish of wishes) {
    for (const entry of (wish ?? "").slice(0, 200).split(",")) {
      const language = entry.split(";")[0]?.trim().toLowerCase().split("-")[0];
      if (language === "de" || language === "en") return language;
    }
  }
  return "en";
}
