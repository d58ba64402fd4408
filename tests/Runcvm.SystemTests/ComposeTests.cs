namespace Runcvm.SystemTests;

public class ComposeTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task Two_services_of_a_compose_file_are_machines_that_find_each_other()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/docker-compose"), "docker-compose is not installed: tools/setup.sh engines");
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Path, "compose.yaml");
        await File.WriteAllTextAsync(file, $$"""
            version: "2.4"
            services:
              web:
                image: {{Busybox}}
                runtime: runcvm
                environment: [RUNCVM_HYPERVISOR={{DockerEngine.Hypervisor}}]
                volumes: [content:/www]
                command: sh -c 'echo page >/www/index.html; exec httpd -f -p 80 -h /www'
              reader:
                container_name: compose-reader
                image: {{Busybox}}
                runtime: runcvm
                environment: [RUNCVM_HYPERVISOR={{DockerEngine.Hypervisor}}]
                volumes: [content:/www:ro]
                depends_on: [web]
                command: sh -c 'for i in $$(seq 100); do wget -q -O - http://web/ && cat /www/index.html && uname -r && exit 4; sleep 0.2; done; exit 1'
            volumes:
              content:
            """, TestContext.Current.CancellationToken);
        string[] project = ["--file", file, "--project-name", "compose", "--ansi", "never"];
        try
        {
            CommandResult run = (await Docker.ComposeAsync([.. project, "up", "--exit-code-from", "reader"])).Ended(4);
            string log = (await Docker.RunAsync("logs", "compose-reader")).Text;
            string[] lines = log.Split('\n');
            Assert.True(lines is ["page", "page", not ""], $"'{log}' of {run}");
            if (DockerEngine.RunsMachines) Assert.NotEqual((await Engine.BesideAsync("uname", "-r")).Text, lines[2]);
        }
        finally
        {
            (await Docker.ComposeAsync([.. project, "down", "--volumes", "--timeout", "1"])).Succeeded();
        }
    }
}
