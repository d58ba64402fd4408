namespace Runcvm.SystemTests.Pods;

/// <summary>A pod and its containers, as a kubelet would ask for them.</summary>
internal sealed class Pod
{
    // runtime.v1: ContainerState
    private const long Exited = 2;

    private readonly PodEngine _engine;
    private readonly ProtoMessage _config;

    private Pod(PodEngine engine, ProtoMessage config, string id)
    {
        _engine = engine;
        _config = config;
        Id = id;
    }

    public string Id { get; }

    /// <summary>Makes the machine.</summary>
    /// <param name="engine">which engine</param>
    /// <param name="name">of the pod, and its host name</param>
    /// <param name="namespaces">NamespaceOption: network, pid and ipc</param>
    public static async Task<Pod> RunAsync(PodEngine engine, string name, ProtoMessage? namespaces = null)
    {
        ProtoMessage metadata = new ProtoMessage().With(1, name).With(2, $"uid-{name}").With(3, "default");
        ProtoMessage security = new ProtoMessage().With(1, namespaces ?? new ProtoMessage());
        ProtoMessage config = new ProtoMessage().With(1, metadata).With(2, name).With(3, engine.Logs)
            .With(8, new ProtoMessage().With(1, $"{engine.Cgroup}/{name}").With(2, security));
        ProtoMessage answer = await engine.Cri.CallAsync(
            "RunPodSandbox", new ProtoMessage().With(1, config).With(2, engine.Handler));
        return new Pod(engine, config, answer.Text(1));
    }

    /// <summary>Makes a container and starts it.</summary>
    /// <param name="name">its own</param>
    /// <param name="container">more of a ContainerConfig</param>
    /// <param name="command">what it runs</param>
    public async Task<string> StartAsync(string name, ProtoMessage container, params string[] command)
    {
        string id = await CreateAsync(name, container, command);
        await _engine.Cri.CallAsync("StartContainer", new ProtoMessage().With(1, id));
        return id;
    }

    public async Task<string> CreateAsync(string name, ProtoMessage container, params string[] command)
    {
        container.With(1, new ProtoMessage().With(1, name)).With(2, new ProtoMessage().With(1, _engine.Image))
            .With(3, command).With(11, $"{name}.log");
        ProtoMessage request = new ProtoMessage().With(1, Id).With(2, container).With(3, _config);
        return (await _engine.Cri.CallAsync("CreateContainer", request)).Text(1);
    }

    /// <summary>What a container wrote, without the engine's marks.</summary>
    public string Log(string name) => string.Join('\n',
        File.ReadLines(Path.Combine(_engine.Logs, $"{name}.log")).Select(static line => line.Split(' ', 4)[3]));

    /// <summary>Waits for a container's end.</summary>
    public async Task<(long Code, string Reason)> EndAsync(string id)
    {
        ProtoMessage status = new();
        await Eventually.TrueAsync(
            async () => (status = await StatusAsync(id)).Number(3) == Exited, $"container {id} has ended");
        return (status.Number(7), status.Text(10));
    }

    public async Task<(long Code, string Output)> ExecAsync(string id, params string[] command)
    {
        ProtoMessage answer = await _engine.Cri.CallAsync(
            "ExecSync", new ProtoMessage().With(1, id).With(2, command).With(3, 30));
        return (answer.Number(3), (answer.Text(1) + answer.Text(2)).Trim());
    }

    /// <summary>Gives a container another memory limit, in bytes.</summary>
    public Task LimitAsync(string id, long memory)
        => _engine.Cri.CallAsync(
            "UpdateContainerResources", new ProtoMessage().With(1, id).With(2, new ProtoMessage().With(4, memory)));

    public Task StopAsync(string id, int seconds)
        => _engine.Cri.CallAsync("StopContainer", new ProtoMessage().With(1, id).With(2, seconds));

    public Task RemoveAsync(string id) => _engine.Cri.CallAsync("RemoveContainer", new ProtoMessage().With(1, id));

    /// <summary>Ends the machine.</summary>
    public Task StopAsync() => _engine.Cri.CallAsync("StopPodSandbox", new ProtoMessage().With(1, Id));

    public Task RemoveAsync() => _engine.Cri.CallAsync("RemovePodSandbox", new ProtoMessage().With(1, Id));

    private async Task<ProtoMessage> StatusAsync(string id)
        => (await _engine.Cri.CallAsync("ContainerStatus", new ProtoMessage().With(1, id))).Message(1);
}
