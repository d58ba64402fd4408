using System.Collections;
using System.Reflection;
using System.Text;
using Runcvm.Egress;

namespace Runcvm.Tests.Protocol.Messages;

/// <summary>Makes a message of any type with random content, and shows all that is in one. By reflection: a new field is
/// tested without a new line here.</summary>
internal static class AnyMessage
{
    private const BindingFlags Instance = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    internal static object Make(Type type, Random random)
    {
        if (type == typeof(string)) return Text(random);
        if (type == typeof(bool)) return random.Next(2) == 1;
        if (type == typeof(byte)) return (byte)random.Next(256);
        if (type == typeof(ushort)) return (ushort)random.Next(65536);
        if (type == typeof(uint)) return (uint)random.NextInt64(1L << 32);
        if (type == typeof(int)) return unchecked((int)random.NextInt64());
        if (type == typeof(long)) return random.NextInt64(long.MinValue, long.MaxValue);
        if (type == typeof(ulong)) return unchecked((ulong)random.NextInt64(long.MinValue, long.MaxValue));
        if (type == typeof(Version)) return new Version(random.Next(256), random.Next(256));
        if (type == typeof(AddressPrefix)) return Prefix(random);
        if (type.IsEnum) return Enum.GetValues(type).GetValue(random.Next(Enum.GetValues(type).Length))!;
        if (type.IsArray) return List(type.GetElementType()!, random);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)) return List(type.GenericTypeArguments[0], random);
        return Record(type, random);
    }

    internal static string Show(object? value)
    {
        switch (value)
        {
            case null: return "null";
            case string text: return $"\"{text}\"";
            case Version version: return version.ToString();
            case AddressPrefix prefix: return $"{prefix.Address}/{prefix.Length}";
            case byte[] bytes: return Convert.ToHexString(bytes);
            case IEnumerable items: return $"[{string.Join(", ", items.Cast<object>().Select(Show))}]";
        }

        Type type = value.GetType();
        if (type.IsPrimitive || type.IsEnum) return $"{value}";
        // What is computed of the others is not on the wire.
        IEnumerable<string> parts = Properties(type).Where(static property => property.CanWrite)
            .Select(property => $"{property.Name}={Show(property.GetValue(value))}");
        return $"{type.Name}({string.Join(", ", parts)})";
    }

    private static IEnumerable<PropertyInfo> Properties(Type type)
        => type.GetProperties(Instance).Where(static property => property.Name != "EqualityContract");

    private static object Record(Type type, Random random)
    {
        // Positional records and pairs: their long constructor. Others: properties.
        ConstructorInfo constructor = type.GetConstructors(Instance)
            .Where(candidate => !(candidate.GetParameters() is [{ } only] && only.ParameterType == type))
            .MaxBy(static candidate => candidate.GetParameters().Length)!;
        object message = constructor.Invoke([.. constructor.GetParameters().Select(parameter => Make(parameter.ParameterType, random))]);
        foreach (PropertyInfo property in Properties(type).Where(static property => property.CanWrite))
        {
            bool isOptional = new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;
            property.SetValue(message, isOptional && random.Next(2) == 0 ? null : Make(property.PropertyType, random));
        }

        return message;
    }

    private static AddressPrefix Prefix(Random random)
    {
        byte[] address = new byte[AddressPrefix.Bits / 8];
        random.NextBytes(address);
        return AddressPrefix.Of(address) with { Length = random.Next(AddressPrefix.Bits + 1) };
    }

    private static Array List(Type item, Random random)
    {
        var list = Array.CreateInstance(item, random.Next(6));
        for (int i = 0; i < list.Length; i++) list.SetValue(Make(item, random), i);
        return list;
    }

    private static string Text(Random random)
    {
        var text = new StringBuilder();
        for (int left = random.Next(12); left > 0; left--)
        {
            int rune = random.Next(4) switch { 0 => random.Next(0x80), 1 => random.Next(0x800), 2 => '\n', _ => random.Next(0x10000, 0x110000) };
            text.Append(new Rune(rune));
        }

        return text.ToString();
    }
}
