using System.Text;

namespace Runcvm.Guest.Modules;

/// <summary>Answers from depmod's text files which files to load for a name. They are scanned, not indexed: one process
/// answers one question, and reading a few hundred kilobytes costs less than building any index of them.</summary>
internal sealed class ModuleIndex(string root)
{
    private readonly byte[] _dependencies = Read(root, "modules.dep");
    private readonly byte[] _soft = Read(root, "modules.softdep");

    /// <summary>The modules to load for a module's name or an alias, dependencies first. Empty for what is built in; null
    /// for what this kernel does not have.</summary>
    public List<PlannedModule>? Plan(string name)
    {
        var plan = new List<PlannedModule>();
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        if (AddModule(bytes, wanted: true, plan)) return plan;
        if (AddAliased(bytes, plan)) return plan;
        return IsBuiltIn(bytes) ? plan : null;
    }

    private bool AddModule(ReadOnlySpan<byte> name, bool wanted, List<PlannedModule> plan)
    {
        ReadOnlySpan<byte> rest = _dependencies;
        while (Lines.TryTake(ref rest, out ReadOnlySpan<byte> line))
        {
            int colon = line.IndexOf((byte)':');
            if (colon < 0 || !ModuleName.Same(ModuleName.InPath(line[..colon]), name)) continue;
            ReadOnlySpan<byte> needs = line[(colon + 1)..];
            // modules.dep names the dependencies in reverse order of loading.
            while (Lines.TryTakeLastWord(ref needs, out ReadOnlySpan<byte> path)) AddFile(path, wanted: false, plan);
            AddFile(line[..colon], wanted, plan);
            return true;
        }

        return false;
    }

    private void AddFile(ReadOnlySpan<byte> path, bool wanted, List<PlannedModule> plan)
    {
        string file = Path.Combine(root, Encoding.UTF8.GetString(path));
        foreach (PlannedModule planned in plan)
            if (planned.Path == file) return;
        var module = new PlannedModule(file, Encoding.UTF8.GetString(ModuleName.InPath(path)).Replace('-', '_'), wanted);
        // Its place is taken before its soft dependencies are looked at: those may lead back to it.
        int place = plan.Count;
        plan.Add(module);
        AddSoft(ModuleName.InPath(path), before: true, plan);
        plan.RemoveAt(place);
        plan.Add(module);
        AddSoft(ModuleName.InPath(path), before: false, plan);
    }

    /// <summary><c>softdep NAME pre: a b post: c</c>: modules that are good to have before or after, if they exist.</summary>
    private void AddSoft(ReadOnlySpan<byte> name, bool before, List<PlannedModule> plan)
    {
        ReadOnlySpan<byte> rest = _soft;
        while (Lines.TryTake(ref rest, out ReadOnlySpan<byte> line))
        {
            if (!Lines.TryTakeWord(ref line, out ReadOnlySpan<byte> keyword) || !keyword.SequenceEqual("softdep"u8)) continue;
            if (!Lines.TryTakeWord(ref line, out ReadOnlySpan<byte> owner) || !ModuleName.Same(owner, name)) continue;
            bool inList = false;
            while (Lines.TryTakeWord(ref line, out ReadOnlySpan<byte> word))
            {
                if (word[^1] == ':') inList = word.SequenceEqual(before ? "pre:"u8 : "post:"u8);
                else if (inList && !AddModule(word, wanted: false, plan)) AddAliased(word, plan, wanted: false);
            }
        }
    }

    /// <summary>An alias may stand for several modules (a checksum in portable and in fast form): all of them.</summary>
    private bool AddAliased(ReadOnlySpan<byte> name, List<PlannedModule> plan, bool wanted = true)
    {
        bool found = false;
        ReadOnlySpan<byte> rest = Read(root, "modules.alias");
        while (Lines.TryTake(ref rest, out ReadOnlySpan<byte> line))
        {
            if (!Lines.TryTakeWord(ref line, out ReadOnlySpan<byte> keyword) || !keyword.SequenceEqual("alias"u8)) continue;
            if (!Lines.TryTakeWord(ref line, out ReadOnlySpan<byte> pattern) || !ModuleName.Matches(pattern, name)) continue;
            if (Lines.TryTakeWord(ref line, out ReadOnlySpan<byte> module)) found |= AddModule(module, wanted, plan);
        }

        return found;
    }

    private bool IsBuiltIn(ReadOnlySpan<byte> name)
    {
        ReadOnlySpan<byte> rest = Read(root, "modules.builtin");
        while (Lines.TryTake(ref rest, out ReadOnlySpan<byte> line))
            if (ModuleName.Same(ModuleName.InPath(line), name)) return true;

        // Strings that end with a zero: "ext4.alias=fs-ext4".
        rest = Read(root, "modules.builtin.modinfo");
        while (Lines.TryTake(ref rest, out ReadOnlySpan<byte> entry, separator: 0))
        {
            int at = entry.IndexOf(".alias="u8);
            if (at >= 0 && ModuleName.Matches(entry[(at + ".alias=".Length)..], name)) return true;
        }

        return false;
    }

    private static byte[] Read(string root, string file)
    {
        string path = Path.Combine(root, file);
        return File.Exists(path) ? File.ReadAllBytes(path) : [];
    }
}
