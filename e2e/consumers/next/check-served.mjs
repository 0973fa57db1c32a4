// The built application serves the page and the engine's answers.
import { spawn } from "node:child_process";
import { createServer } from "node:net";

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
const server = spawn(process.execPath, ["node_modules/next/dist/bin/next", "start", "-p", String(port)], {
  stdio: ["ignore", "inherit", "inherit"],
});
try {
  const page = await answer(`http://localhost:${port}/`);
  if (page.status !== 200) throw new Error(`the page answers ${page.status}`);
  const ready = await answer(`http://localhost:${port}/api/auth/health/ready`);
  if (ready.status !== 200) throw new Error(`health/ready answers ${ready.status}: ${await ready.text()}`);
  console.log("the page and the engine answer");
} finally {
  server.kill();
}

async function answer(url) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await fetch(url);
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
