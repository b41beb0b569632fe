"""The 70 files of ../shared/found: which hold figures of Chinese provinces or cities by year, and where.

Written once, before the import was changed to read them, and not changed afterwards. Somebody looked at every
file and noted positions: rows and columns from 1 as a spreadsheet counts them. A file holds figures when its
rows can be told to be those of provinces or cities of years; the others each have their reason.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """Figures of one sheet ('' the first or only one; '*' every sheet but those named in `but`).

    region: column of the names or codes, or the name itself, or 'sheet' when the sheet is named so. year: its
    column, 'across' when the header row holds years, the year itself, 'sheet', or 0 when the file names none.
    header: the row whose cells name the columns. first, last: rows of figures. figures: their first column,
    or first and last. labels: columns whose words name the figures of a row. unit: what is printed once for
    all figures; units: the column of units, or ''.
    """

    region: int | str
    year: int | str
    header: int
    first: int
    figures: int | tuple[int, int]
    sheet: str = ""
    last: int = 10**7
    labels: tuple[int, ...] = ()
    unit: str = ""
    units: int = 0
    but: tuple[str, ...] = ()


DATA_SHOP = "！00-23年31个省份存贷款余额及金融发展水平.xlsx"

HOLDING: dict[str, tuple[Block, ...]] = {
    "13765248/provincial_panel.csv": (Block(1, 2, 1, 2, 3),),
    "13765248/分省年度数据_6.csv": (Block(1, "across", 3, 4, 2),),
    "13765248/分省年度数据_7.csv": (Block(1, "across", 3, 4, 2),),
    "13765248/分省年度数据_8.csv": (Block(1, "across", 3, 4, 2),),
    "2020-dat/主要城市年度数据.xls": (Block(1, "across", 4, 5, 2, unit="亿元"),),
    "2020-dat/分省年度数据.xls": (Block(1, "across", 4, 5, 2, unit="亿元"),),
    # Figures of cities, of a year that the file does not name.
    "Dragon15/17_Economic.csv": (Block(1, 0, 1, 2, 2),),
    "Dragon15/20_Guangzhou_All.xls": (Block("广州", "across", 4, 5, 2, last=8, labels=(1,)),),
    "Hades762/maincity.csv": (Block(1, "across", 1, 2, 2),),
    "MingMinM/数字经济规模.xlsx": (Block(2, "across", 1, 2, 4),),
    "RenJiyi1/panel_stata_ready.csv": (Block(2, 3, 1, 2, 4),),
    "RenJiyi1/一般公共预算等.xls": (Block(4, "across", 1, 2, 5, sheet="Sheet1", labels=(2, 3)),),
    "RenJiyi1/分省年度数据 (1).csv": (Block(1, "across", 4, 5, 2, unit="人"),),
    "RenJiyi1/分省年度数据 (3).csv": (Block(1, "across", 4, 5, 2, unit="万人"),),
    "RenJiyi1/分省年度数据 (6).csv": (Block(1, "across", 4, 5, 2, unit="人"),),
    "RenJiyi1/分省年度数据.csv": (Block(1, "across", 4, 5, 2, unit="亿元"),),
    "RenJiyi1/论文用.dta": (Block(2, 3, 1, 2, 4),),
    "Yumanlou/data.1.dta": (Block(3, 4, 1, 2, 5),),
    "Yumanlou/data1.2final.dta": (Block(3, 4, 1, 2, 5),),
    "Yumanlou/data_bayes.dta": (Block(3, 4, 1, 2, 5),),
    "Yumanlou/energystruct.xlsx": (
        Block(1, 2, 1, 4, 3, sheet="计算步骤"),
        Block(2, 3, 1, 2, 4, sheet="计算结果"),
        Block(1, 2, 1, 2, 3, sheet="Sheet2"),
        Block(1, 2, 1, 2, 3, sheet="Sheet1"),
    ),
    "Yumanlou/final_master_dataset.csv": (Block(3, 4, 1, 2, 5),),
    "Yumanlou/mkt.csv": (Block(1, 2, 1, 2, 3),),
    "Yumanlou/pop.csv": (Block(2, 3, 1, 2, 4),),
    "Yumanlou/province_panel_data_pinyin.csv": (Block(3, 4, 1, 2, 5),),
    "Yumanlou/分省年度数据.csv": (Block(1, "across", 4, 5, 2, unit="亿元"),),
    "Yuyang-Y/official_run.xlsx": (Block(2, 1, 1, 2, 4),),
    "andyhsi2/china_provincial_panel_real.csv": (Block(1, 3, 1, 2, 5),),
    "andyhsi2/china_provincial_real_data.csv": (Block(1, 3, 1, 2, 5),),
    "biechouw/2000-2023地级市产业结构 .xlsx": (
        Block(2, 1, 1, 2, 6, sheet="面板数据2000-2023"),
        Block(2, 1, 1, 2, 6, sheet="2023"),
    ),
    "biechouw/296个地级市GDP相关数据（以2000年为基期）.xlsx": (
        Block(2, 3, 1, 2, (4, 7), sheet="Sheet1"),
        Block(2, 3, 1, 2, (4, 7), sheet="计算过程-以上海市为例"),
    ),
    "biechouw/298个地级市人口密度1998-2024年无缺失.xlsx": (Block(3, 1, 1, 2, (6, 9), sheet="面板数据"),),
    "biechouw/地级市碳排放强度.xlsx": (Block(4, 1, 1, 2, (7, 7), sheet="Sheet1"),),
    f"biechouw/{DATA_SHOP}": (Block(2, 3, 1, 2, 4, sheet="Sheet1"),),
    "eileenCH/CRE_Eplwagct.csv": (Block(3, 1, 1, 2, 7),),
    "eileenCH/CRE_Gdpct.csv": (Block(3, 1, 1, 2, 7),),
    "eileenCH/city_rgdp.csv": (Block(3, 1, 1, 2, 7),),
    "eileenCH/employment_interpolated.csv": (Block(2, 1, 1, 2, 3),),
    "eileenCH/population_by_year_by_class_by_city.csv": (Block(4, 5, 1, 2, 6),),
    "huhuapin/2010.xlsx": (Block(1, 2, 1, 2, (4, 4), labels=(3, 6), units=5),),
    "huhuapin/2016.xlsx": (Block(1, 2, 1, 2, (4, 4), labels=(3, 6), units=5),),
    "huhuapin/2023.xlsx": (Block(1, 2, 1, 2, (4, 4), labels=(3, 6), units=5),),
    "huhuapin/part01-01-machine-2010t2018.xlsx": (Block(2, 1, 1, 2, 3),),
    "huhuapin/part01-02-fertilizer-2010t2018.xlsx": (Block(1, 3, 1, 2, (2, 2)),),
    # Opens with the password that is built into Excel.
    "huhuapin/raw-2014-1.xls": (
        Block(1, 2014, 4, 5, (2, 17), sheet="1-2", last=41),
        Block(1, 2014, 44, 45, (2, 17), sheet="1-2"),
        Block(1, 2014, 3, 4, (2, 14), sheet="3"),
    ),
    "upstream/panel_data.csv": (Block(1, 2, 1, 2, 3),),
    "upstream/分地区国内发明专利授权量_2011-2022.xlsx": (Block(1, "across", 3, 4, 2, unit="件"),),
    "upstream/省级能源清单_2011.xlsx": (
        Block("sheet", "sheet", 1, 3, 2, sheet="*", labels=(1,), but=("NOTE",)),
    ),
    "vervain1/1_IncGap.dta": (Block(2, 1, 1, 2, 3),),
    "vervain1/1_Macro.dta": (Block(22, 1, 1, 2, 3),),
    "vervain1/palma_ratio.dta": (Block(2, 1, 1, 2, 3),),
    "vervain1/tmp_inc_urban.dta": (Block(2, 1, 1, 2, 3),),
    "xiaonaiz/2019年各省直辖市自治区废水二氧化硫氮氧化物排放量汇总.xlsx": (Block(1, 2019, 1, 2, 2),),
    "xiaonaiz/2020年工业废水排放量和二氧化硫和氮氧化物.xlsx": (Block(1, 2020, 1, 2, 2),),
    "xiaonaiz/2024年工业颗粒物排放量和二氧化硫和氮氧化物.xlsx": (Block(1, 2024, 1, 2, 2),),
    "xiaoqi73/R&D经费（万元）.xlsx": (Block(5, "across", 1, 2, 6, unit="万元"),),
    "xiaoqi73/分省年度数据.xls": (Block(1, "across", 1, 2, 2),),
    "xiaoqi73/新产品开发经费支出（万元）.xlsx": (Block(5, "across", 1, 2, 6, unit="万元"),),
}

# Why a file holds no figures of provinces or cities by year that anybody could tell from it.
NOT_HOLDING: dict[str, str] = {
    "13765248/v4_provincial_fiscal_results.csv": "coefficients of regressions",
    "MingMinM/数字经济指标各省面板数据.xlsx": "rows are numbered 1 to 31 and name no province",
    "MingMinM/构建sdm和半参数模型的数据.xlsx": "rows are numbered 1 to 31 and name no province",
    "RenJiyi1/dea_input.csv": "rows are numbered 1 to 31 and name no province",
    "RenJiyi1/files.zip": "rows are numbered 1 to 31 and name no province",
    "Yumanlou/index.xlsx": "firms by quarter",
    "andyhsi2/china_city_real_window.csv": "means over a window of years that is not named",
    "upstream/province_capital_coordinates.csv": "coordinates of capitals, of no year",
    "xiaonaiz/省份表.xlsx": "firms, with the province of their seat",
    "xiaoqi73/R&D人员全时当量（人年）原.xlsx": "rows name no region",
    "xiaoqi73/新产品开发经费支出（万元）原.xlsx": "rows name no region",
    "xiaoqi73/新产品销售收入（万元）原.xlsx": "rows name no region",
}
