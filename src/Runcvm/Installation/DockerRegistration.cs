namespace Runcvm.Installation;

/// <summary>A change of Docker's configuration, planned before anything is touched and then made.</summary>
internal sealed class DockerRegistration
{
    private readonly DaemonJsonFile _file;
    private readonly string? _text;
    private readonly bool _adds;

    private DockerRegistration(DaemonJsonFile file, string? text, bool adds)
    {
        _file = file;
        _text = text;
        _adds = adds;
    }

    internal static DockerRegistration Adding(string program, string daemonJson)
    {
        var file = new DaemonJsonFile(daemonJson);
        return new DockerRegistration(file, DaemonJson.WithRuntime(file.Read(), program, file.Path), adds: true);
    }

    internal static DockerRegistration Removing(string program, string daemonJson)
    {
        var file = new DaemonJsonFile(daemonJson);
        return new DockerRegistration(file, DaemonJson.WithoutRuntime(file.Read(), program, file.Path), adds: false);
    }

    internal void Apply(DockerEngine? docker, TextWriter output)
    {
        if (_text is null)
        {
            output.WriteLine(_adds ? $"{_file.Path} has the runtime already" : $"{_file.Path} does not have this runtime");
        }
        else
        {
            string? backup = _file.Write(_text);
            output.WriteLine($"{_file.Path}: {(_adds ? "added" : "removed")} the runtime{(backup is null ? "" : $" (as it was before today: {backup})")}");
        }

        output.WriteLine(Tell(docker));
    }

    private string Tell(DockerEngine? docker)
    {
        if (docker is null) return "Docker is not running; it reads its configuration when it starts";
        if (DaemonJsonFile.Final(docker.ConfigFile) != _file.Path)
            return $"Docker (process {docker.Id}) reads {docker.ConfigFile}, not {_file.Path}; it was not told anything";
        docker.Reload();
        string told = $"Docker (process {docker.Id}) was told to read its configuration again";
        return docker.HasRuntimesOnCommandLine && _adds
            ? $"{told}; it was started with --add-runtime, which it does not accept beside runtimes in {_file.Path}: "
                + "move the runtimes of its command line into that file, or it will not start the next time"
            : told;
    }
}
