import { packageBuild } from "../../scripts/tsup-package.js";

export default packageBuild(["src/server.ts", "src/proxy.ts", "src/client.ts"]);
