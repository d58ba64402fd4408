using System.Text.Json.Nodes;

namespace Runcvm.Kernels;

/// <summary><c>runcvm kernel list|add|build|default|remove</c></summary>
internal static class KernelVerb
{
    /// <summary>Runs one of the verbs and returns the exit code.</summary>
    /// <param name="args">what follows <c>runcvm kernel</c></param>
    /// <param name="output">where answers go</param>
    /// <param name="store">the kernels</param>
    /// <param name="emulated">this host's machines are emulated</param>
    public static int Run(string[] args, TextWriter output, KernelStore store, bool emulated = false)
    {
        switch (args)
        {
            case [] or ["list"]:
                List(store, emulated, output);
                return 0;
            case ["list", "--json"]:
                ListJson(store, emulated, output);
                return 0;
            case ["add", "--as", var dist, _, ..]:
                return Add(store, args[3..], dist, output);
            case ["add", _, .., "--as", var dist]:
                return Add(store, args[1..^2], dist, output);
            case ["add", _, ..]:
                return Add(store, args[1..], null, output);
            case ["build", .. var options]:
                output.WriteLine($"built {Build(store, options, emulated, output).Name}");
                return 0;
            case ["default"]:
                output.WriteLine(store.Find(null, emulated).Name);
                return 0;
            case ["default", var name]:
                SetDefault(store, name, output);
                return 0;
            case ["remove", var name]:
                Remove(store, name, output);
                return 0;
            default:
                throw Unknown($"runcvm kernel {string.Join(' ', args)}");
        }
    }

    private static void List(KernelStore store, bool emulated, TextWriter output)
    {
        List<Kernel> all = store.All();
        string? taken = all.Count == 0 ? null : store.Find(null, emulated).Name;
        foreach (Kernel kernel in all)
            output.WriteLine(kernel.Name == taken ? $"{kernel.Name}  (default)" : kernel.Name);
    }

    private static void ListJson(KernelStore store, bool emulated, TextWriter output)
    {
        List<Kernel> all = store.All();
        string? taken = all.Count == 0 ? null : store.Find(null, emulated).Name;
        var list = new JsonArray([.. all.Select(kernel => new JsonObject { ["name"] = kernel.Name, ["default"] = kernel.Name == taken, ["vmlinux"] = kernel.VmlinuxPath })]);
        output.WriteLine(list.ToJsonString());
    }

    private static int Add(KernelStore store, string[] sources, string? dist, TextWriter output)
    {
        Kernel kernel = KernelPackage.Add(store, sources, dist);
        output.WriteLine($"added {kernel.Name}");
        return 0;
    }

    private static Kernel Build(KernelStore store, string[] options, bool emulated, TextWriter output)
    {
        string? source = null, folder = null;
        for (int i = 0; i < options.Length; i += 2)
        {
            if (i + 1 < options.Length && options[i] == "--source") source = options[i + 1];
            else if (i + 1 < options.Length && options[i] == "--in") folder = options[i + 1];
            else if (i + 1 < options.Length && options[i] == "--for" && options[i + 1] is "kvm" or "tcg") emulated = options[i + 1] == "tcg";
            else throw Unknown($"runcvm kernel build {string.Join(' ', options)}");
        }

        return KernelBuild.Run(store, emulated, source, folder, output);
    }

    private static UsageException Unknown(string use)
        => new($"'{use}' is no use of it that RunCVM knows; see runcvm kernel --help");

    private static void SetDefault(KernelStore store, string name, TextWriter output)
    {
        Kernel kernel = store.Choose(name, "runcvm kernel default");
        string temporary = Path.Combine(store.Root, ".default");
        // What was typed is kept: a DIST goes on meaning the newest of it.
        File.WriteAllText(temporary, name + "\n");
        File.Move(temporary, store.DefaultPath, overwrite: true);
        output.WriteLine($"the default is {kernel.Name}");
    }

    private static void Remove(KernelStore store, string name, TextWriter output)
    {
        if (!name.Contains('/', StringComparison.Ordinal))
            throw new UsageException($"runcvm kernel remove needs DIST/VERSION, not '{name}'");
        Kernel kernel = store.Choose(name, "runcvm kernel remove");
        string? chosen = store.DefaultChoice();
        bool isDefault = chosen is not null && store.Choose(chosen, store.DefaultPath).Name == kernel.Name;
        // First out of sight, in one step, so that no start finds half a kernel.
        string removed = Path.Combine(store.Root, $".removed-{Environment.ProcessId}");
        Directory.Move(kernel.Folder, removed);
        Directory.Delete(removed, recursive: true);
        string dist = Path.GetDirectoryName(kernel.Folder)!;
        bool lastOfDist = !Directory.EnumerateFileSystemEntries(dist).Any();
        if (lastOfDist) Directory.Delete(dist);
        if (isDefault && (lastOfDist || chosen!.Contains('/', StringComparison.Ordinal))) File.Delete(store.DefaultPath);
        output.WriteLine($"removed {kernel.Name}");
    }
}
