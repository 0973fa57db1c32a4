import { packageBuild } from "../../scripts/tsup-package.js";

export default packageBuild(["src/index.ts", "src/crypto/node.ts", "src/crypto/web.ts"]);
