using System.Globalization;
using System.Text.Json;
using Runcvm.Options;
using Runcvm.Syntax;
using Runcvm.WarmStarts;

namespace Runcvm.Operating;

/// <summary>`runcvm template create`, `list`, `inspect` and `remove`</summary>
internal static class TemplateVerb
{
    internal static int Create(TextWriter output, string name, string machine)
    {
        CheckName(name);
        var store = new TemplateStore();
        new TemplateMaking(store).Make(name, KnownMachine.Find(machine));
        output.WriteLine($"made {name}, {Amount.Bytes(store.BytesOf(name))}");
        if (!HostConfig.Load().Templates.Contains(name))
        {
            output.WriteLine(
                $"containers may use it once \"{name}\" is listed under templates in {HostConfig.File}");
        }

        return 0;
    }

    internal static int List(TextWriter output, bool asJson) => List(output, asJson, new TemplateStore());

    internal static int List(TextWriter output, bool asJson, TemplateStore store)
    {
        IReadOnlyList<string> names = store.Names();
        if (asJson)
        {
            Json.Write(output, json =>
            {
                json.WriteStartArray();
                foreach (string name in names) Write(json, name, TryRead(store, name, out string? fault), store, fault);
                json.WriteEndArray();
            });
            return 0;
        }

        var table = new Table("NAME", "IMAGE", "MACHINE", "SIZE", "CREATED (UTC)");
        foreach (string name in names)
        {
            TemplateRecord? record = TryRead(store, name, out _);
            table.Add(name, record?.Image ?? "-", record?.Machine ?? "broken", Amount.Bytes(store.BytesOf(name)),
                record == null ? "-" : Time(record));
        }

        table.Write(output);
        return 0;
    }

    internal static int Inspect(TextWriter output, string name, bool asJson)
        => Inspect(output, name, asJson, new TemplateStore());

    internal static int Inspect(TextWriter output, string name, bool asJson, TemplateStore store)
    {
        CheckName(name);
        TemplateRecord record = store.Read(name);
        if (asJson)
        {
            Json.Write(output, json => Write(json, name, record, store, fault: null));
            return 0;
        }

        Line("name", name);
        Line("image", record.Image);
        Line("machine", record.Machine);
        Line("created (UTC)", Time(record));
        Line("size", Amount.Bytes(store.BytesOf(name)));
        Line("network cards", record.Cards.ToString(CultureInfo.InvariantCulture));
        output.WriteLine("a machine that goes on from it has:");
        foreach ((string trait, string value) in record.Traits) output.WriteLine($"  {trait}: {Shown(value)}");
        return 0;

        void Line(string what, string value) => output.WriteLine($"{what + ":",-15} {Shown(value)}");
    }

    internal static int Remove(TextWriter output, string name)
    {
        CheckName(name);
        new TemplateStore().Remove(name);
        output.WriteLine($"removed {name}");
        return 0;
    }

    // A container's words, on root's terminal.
    private static string Shown(string text) => text.Length == 0 ? "" : new OptionText("", text).Shown;

    private static void CheckName(string name)
    {
        if (!TemplateName.IsOne(name))
            throw new UsageException($"'{new OptionText("", name).Shown}' is not {TemplateName.Rule}");
    }

    private static TemplateRecord? TryRead(TemplateStore store, string name, out string? fault)
    {
        fault = null;
        try
        {
            return store.Read(name);
        }
        catch (UsageException e)
        {
            fault = e.Message;
            return null;
        }
    }

    private static void Write(
        Utf8JsonWriter json, string name, TemplateRecord? record, TemplateStore store, string? fault)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteNumber("bytes", store.BytesOf(name));
        if (fault != null) json.WriteString("fault", fault);
        if (record != null)
        {
            json.WriteString("image", record.Image);
            json.WriteString("machine", record.Machine);
            json.WriteString("created", DateTimeOffset.FromUnixTimeMilliseconds(record.Created));
            json.WriteNumber("networkCards", record.Cards);
            json.WriteStartObject("traits");
            foreach ((string trait, string value) in record.Traits) json.WriteString(trait, value);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static string Time(TemplateRecord record) => DateTimeOffset.FromUnixTimeMilliseconds(record.Created)
        .ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
}
